//! The walk from the root directory down. Every inode is read once, however many names it has.

use super::directory;
use super::error::{Corrupt, ReadError, Unsupported};
use super::file;
use super::filesystem::Filesystem;
use super::inline;
use super::inode::Inode;
use super::place::Place;
use super::volume::Volume;
use super::xattr::Xattrs;
use crate::fs::ext4::format::inode::*;
use crate::tree::{Content, Kind, Meta, Name, Node, NodeId, Origin, Slice, Tree};
use std::collections::BTreeMap;

/// Bytes of the longest path that Linux can name, and of the longest target of a symlink:
/// `PATH_MAX` without the NUL.
const MAX_PATH: usize = 4095;

impl Filesystem<'_> {
    /// Returns everything that has a name, with origin `Base`. Content is not read: it becomes
    /// slices of `place`, which is the device's slice of a stored object.
    ///
    /// # Errors
    /// Fails if the device cannot be read, or if the filesystem is damaged or beyond this reader.
    pub fn tree(&self, place: &Slice) -> Result<Tree, ReadError> {
        Ok(self.walk(place)?.tree)
    }

    /// Reads everything that has a name, as [`Filesystem::tree`] does.
    pub(super) fn walk(&self, place: &Slice) -> Result<Walk<'_>, ReadError> {
        let mut volume = Volume::new(self)?;
        let root = volume.inode(ROOT_INO)?;
        let root = root.filter(|root| root.file_type() == S_IFDIR);
        let root = root.ok_or(Corrupt::Root)?;
        let mut xattrs = Xattrs::default();
        let attributes = xattrs.of(&root, &mut volume)?;
        let mut tree = Tree::new(meta(&root));
        let id = tree.root();
        tree.node_mut(id).xattrs = attributes.named;
        tree.node_mut(id).origin = Origin::Base;
        let mut walk = Walk {
            volume,
            place: *place,
            xattrs,
            tree,
            seen: BTreeMap::new(),
            ahead: Vec::new(),
        };
        walk.see(root, attributes.inline, id, ROOT_INO, 0);
        while let Some(directory) = walk.ahead.pop() {
            walk.directory(&directory)?;
        }
        Ok(walk)
    }
}

/// A filesystem while its directories are read, or when all of them are.
pub(super) struct Walk<'a> {
    pub(super) volume: Volume<'a>,
    place: Slice,
    xattrs: Xattrs,
    pub(super) tree: Tree,
    /// By inode number.
    pub(super) seen: BTreeMap<u32, Seen>,
    ahead: Vec<Directory>,
}

/// An inode that has a name.
pub(super) struct Seen {
    pub(super) id: NodeId,
    is_directory: bool,
    names: u32,
    links: u32,
}

/// A directory whose entries are still to be looked at.
struct Directory {
    id: NodeId,
    inode: Inode,
    /// The part of an inline directory in its attribute.
    inline: Vec<u8>,
    parent: u32,
    path_len: usize,
}

impl Walk<'_> {
    /// Makes the nodes of a directory's entries, in the order in which their inodes lie.
    fn directory(&mut self, directory: &Directory) -> Result<(), ReadError> {
        let (inode, volume) = (&directory.inode, &mut self.volume);
        let mut entries = directory::read(inode, directory.parent, &directory.inline, volume)?;
        entries.sort_by_key(|entry| entry.ino);
        let mut named: Vec<(Name, NodeId)> = Vec::with_capacity(entries.len());
        for directory::Entry { name, ino } in entries {
            let path_len = directory.path_len + 1 + name.as_bytes().len();
            if path_len > MAX_PATH {
                let limit = MAX_PATH;
                return Err(Unsupported::PathLength { ino, limit }.into());
            }
            named.push((name, self.entry(inode.ino, ino, path_len)?));
        }
        self.tree.node_mut(directory.id).kind = Kind::Directory(named.into_iter().collect());
        Ok(())
    }

    /// The node of inode `ino`, which `directory` has a name for.
    fn entry(&mut self, directory: u32, ino: u32, path_len: usize) -> Result<NodeId, ReadError> {
        if let Some(seen) = self.seen.get_mut(&ino) {
            return Ok(seen.again(directory, ino)?);
        }
        let superblock = self.volume.superblock;
        if ino < superblock.first_inode || superblock.own_inodes.contains(&ino) {
            return Err(Corrupt::ReservedInode { directory, ino }.into());
        }
        let inode = self.volume.inode(ino)?;
        let inode = inode.ok_or(Corrupt::FreeInode { directory, ino })?;
        if inode.is_value() {
            return Err(Corrupt::ReservedInode { directory, ino }.into());
        }
        let attributes = self.xattrs.of(&inode, &mut self.volume)?;
        let node = Node {
            meta: meta(&inode),
            kind: self.kind(&inode, &attributes.inline)?,
            xattrs: attributes.named,
            origin: Origin::Base,
        };
        let id = self.tree.add(node);
        self.see(inode, attributes.inline, id, directory, path_len);
        Ok(id)
    }

    /// Remembers an inode, and a directory also as one to read.
    fn see(&mut self, inode: Inode, inline: Vec<u8>, id: NodeId, parent: u32, path_len: usize) {
        let is_directory = inode.file_type() == S_IFDIR;
        let seen = Seen {
            id,
            is_directory,
            names: 1,
            links: u32::from(inode.links),
        };
        self.seen.insert(inode.ino, seen);
        if is_directory {
            self.ahead.push(Directory {
                id,
                inode,
                inline,
                parent,
                path_len,
            });
        }
    }

    /// What `inode` is; directories are still empty.
    fn kind(&mut self, inode: &Inode, inline: &[u8]) -> Result<Kind, ReadError> {
        Ok(match inode.file_type() {
            S_IFDIR => Kind::Directory(BTreeMap::new()),
            S_IFREG => Kind::File(self.content(inode, inline)?),
            S_IFLNK => Kind::Symlink(self.target(inode, inline)?.into()),
            S_IFBLK => {
                let (major, minor) = inode.device();
                Kind::BlockDevice { major, minor }
            }
            S_IFCHR => {
                let (major, minor) = inode.device();
                Kind::CharDevice { major, minor }
            }
            S_IFIFO => Kind::Fifo,
            S_IFSOCK => Kind::Socket,
            _ => {
                return Err(Place::Inode(inode.ino)
                    .unfit("i_mode", inode.mode, "a file type")
                    .into());
            }
        })
    }

    fn content(&mut self, inode: &Inode, rest: &[u8]) -> Result<Content, ReadError> {
        if inode.is_inline() {
            let block_size = u64::from(self.volume.superblock.block_size);
            return Ok(inline::content(inode, rest, block_size)?);
        }
        let runs = self.volume.runs(inode)?;
        let (device, place) = (self.volume.device, &self.place);
        file::content(inode, &runs, self.volume.superblock, device, place)
    }

    fn target(&mut self, inode: &Inode, rest: &[u8]) -> Result<Vec<u8>, ReadError> {
        let wrong = Corrupt::SymlinkTarget {
            ino: inode.ino,
            len: inode.size,
        };
        if !(1..=MAX_PATH as u64).contains(&inode.size) {
            return Err(wrong.into());
        }
        let target = if inode.is_inline() {
            inline::target(inode, rest)?
        } else if inode.is_fast_symlink(self.volume.superblock) {
            inode.i_block[..inode.size as usize].to_vec()
        } else {
            self.volume.content(inode, "a symlink")?
        };
        if target.contains(&0) {
            return Err(wrong.into());
        }
        Ok(target)
    }
}

impl Seen {
    /// Counts one more name, which `directory` holds for inode `ino`.
    fn again(&mut self, directory: u32, ino: u32) -> Result<NodeId, Corrupt> {
        if self.is_directory {
            return Err(Corrupt::LinkedDirectory { ino, directory });
        }
        self.names += 1;
        let (found, links) = (self.names, self.links);
        if found > links {
            return Err(Corrupt::Links { ino, found, links });
        }
        Ok(self.id)
    }
}

fn meta(inode: &Inode) -> Meta {
    Meta {
        mode: inode.mode & 0o7777,
        uid: inode.uid,
        gid: inode.gid,
        mtime: inode.mtime,
    }
}
