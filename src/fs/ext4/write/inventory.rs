//! The inodes that a tree needs: their numbers and links, the shape of every directory and the
//! place of every attribute. Everything that ext4 cannot store is refused here.
//!
//! Numbers follow the tree: the root is 2, `lost+found` and all in it begin at 11, then all others
//! follow, a directory before its entries, entries in byte order.

use super::data::data_blocks;
use super::dir::Directory;
use super::entry::{Entry, Style};
use super::error::Ext4Error;
use super::params::Params;
use super::share::XattrBlocks;
use super::sizes::blocks_of;
use super::xattr::Xattrs;
use crate::fs::ext4::format::directory::FT_DIRECTORY;
use crate::fs::ext4::format::field::low16;
use crate::fs::ext4::format::inode::*;
use crate::tree::{Content, Kind, Meta, Name, Node, NodeId, Tree, TreePath};
use std::collections::BTreeMap;
use std::ops::Range;

/// From this length on, a symlink target takes a block, because a NUL must follow it.
const LONG_SYMLINK: usize = I_BLOCK_LEN;
/// Linux' `PATH_MAX`, with its NUL.
const PATH_MAX: usize = 4096;
/// The blocks of a file are numbered with 32 bits.
const MAX_FILE_BLOCKS: u64 = 0xffff_ffff;
/// Without `huge_file` an inode counts its sectors with 32 bits: 2^29 blocks, of which 2^21 are for
/// attributes and extents, of which a block holds 340.
const MAX_DATA_WITHOUT_HUGE_FILE: u64 = (1 << 29) - (1 << 21);

/// All inodes, in ascending order.
#[derive(Debug)]
pub(super) struct Inventory<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) xattr_blocks: XattrBlocks,
    pub(super) style: Style,
}

/// One inode.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) ino: u32,
    pub(super) meta: Meta,
    pub(super) links: u16,
    /// The attributes that lie in the inode.
    pub(super) xattrs: Xattrs,
    /// Which block holds the others.
    pub(super) xattr_block: Option<usize>,
    pub(super) body: Body<'a>,
}

/// The kind of an inode, with its content.
#[derive(Debug)]
pub(super) enum Body<'a> {
    Directory(Directory<'a>),
    File(&'a Content),
    /// A target that fits into the inode.
    ShortSymlink(&'a [u8]),
    /// A target that takes a block.
    LongSymlink(&'a [u8]),
    /// A device, named pipe or socket: all of it lies in the inode.
    Special {
        i_mode: u16,
        i_block: [u8; I_BLOCK_LEN],
    },
}

impl Body<'_> {
    /// The file type bits of the mode.
    pub(super) fn i_mode(&self) -> u16 {
        match self {
            Self::Directory(_) => S_IFDIR,
            Self::File(_) => S_IFREG,
            Self::ShortSymlink(_) | Self::LongSymlink(_) => S_IFLNK,
            Self::Special { i_mode, .. } => *i_mode,
        }
    }

    /// The blocks of its content that hold data, ascending; those in between are holes.
    pub(super) fn data(&self) -> Vec<Range<u64>> {
        match self {
            Self::Directory(directory) => vec![0..directory.n_blocks()],
            Self::File(content) => data_blocks(content),
            Self::LongSymlink(_) => vec![0..1],
            Self::ShortSymlink(_) | Self::Special { .. } => Vec::new(),
        }
    }
}

impl<'a> Inventory<'a> {
    /// Lists every node of `tree`. `lost_found` is used if the tree has no such directory.
    pub(super) fn new(
        tree: &'a Tree,
        lost_found: &'a Node,
        params: &Params,
    ) -> Result<Self, Ext4Error> {
        let style = Style {
            checksums: params.features.metadata_csum,
            hash_seed: params.hash_seed,
            huge_files: params.features.huge_file,
        };
        let found = find(tree, lost_found)?;
        let mut xattr_blocks = XattrBlocks::default();
        let items = (0..found.len())
            .map(|index| item(&found, index, &style, &mut xattr_blocks))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            items,
            xattr_blocks,
            style,
        })
    }

    /// The highest inode number.
    pub(super) fn last_ino(&self) -> u32 {
        self.items.last().map_or(ROOT_INO, |item| item.ino)
    }

    /// Blocks of all content and attributes.
    pub(super) fn n_blocks(&self) -> u64 {
        let data = self.items.iter().flat_map(|item| item.body.data());
        let content = data.map(|blocks| blocks.end - blocks.start);
        let xattrs = self.xattr_blocks.len() as u64;
        content.fold(xattrs, u64::saturating_add)
    }
}

/// A node of the tree with the first of its names.
struct Found<'a> {
    node: &'a Node,
    parent: usize,
    name: Option<&'a Name>,
    n_names: u32,
    /// Names and indices of a directory's entries.
    entries: Vec<(&'a [u8], usize)>,
}

impl<'a> Found<'a> {
    fn new(node: &'a Node, parent: usize, name: Option<&'a Name>) -> Self {
        Self {
            node,
            parent,
            name,
            n_names: 1,
            entries: Vec::new(),
        }
    }
}

const LOST_FOUND: &[u8] = b"lost+found";

/// Returns all nodes, with `lost+found` at index 1.
fn find<'a>(tree: &'a Tree, lost_found: &'a Node) -> Result<Vec<Found<'a>>, Ext4Error> {
    let root = tree.root();
    let mut walk = Walk {
        tree,
        found: vec![Found::new(tree.node(root), 0, None)],
        seen: BTreeMap::from([(root, 0)]),
    };
    let (first, others): (Vec<_>, Vec<_>) = tree
        .entries(root)
        .partition(|(name, _)| name.as_bytes() == LOST_FOUND);
    match first.first() {
        Some((_, id)) if !tree.node(*id).is_directory() => return Err(Ext4Error::LostFound),
        Some(_) => walk.below(0, first)?,
        None => {
            walk.found.push(Found::new(lost_found, 0, None));
            walk.found[0].entries.push((LOST_FOUND, 1));
        }
    }
    walk.below(0, others)?;
    match u32::try_from(walk.found.len()) {
        Ok(n) if n < u32::MAX - FIRST_INO => Ok(walk.found),
        _ => Err(Ext4Error::TooManyNodes),
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    found: Vec<Found<'a>>,
    seen: BTreeMap<NodeId, usize>,
}

impl<'a> Walk<'a> {
    /// Adds `entries` of the node at index `directory`, and all nodes below them.
    fn below(
        &mut self,
        directory: usize,
        entries: Vec<(&'a Name, NodeId)>,
    ) -> Result<(), Ext4Error> {
        // The directories on the way down. This is a loop so that no depth exhausts the stack.
        let mut open = vec![(directory, entries.into_iter())];
        while let Some((directory, entries)) = open.last_mut() {
            let directory = *directory;
            let Some((name, id)) = entries.next() else {
                open.pop();
                continue;
            };
            let (index, is_new) = self.add(directory, name, id)?;
            self.found[directory].entries.push((name.as_bytes(), index));
            if is_new && self.tree.node(id).is_directory() {
                let entries: Vec<_> = self.tree.entries(id).collect();
                open.push((index, entries.into_iter()));
            }
        }
        Ok(())
    }

    /// Returns the index of node `id`, which has the name `name`, and whether this is its first
    /// name.
    fn add(
        &mut self,
        parent: usize,
        name: &'a Name,
        id: NodeId,
    ) -> Result<(usize, bool), Ext4Error> {
        let node = self.tree.node(id);
        if let Some(index) = self.seen.get(&id) {
            if node.is_directory() {
                let path = path_of(&self.found, parent).join(name);
                return Err(Ext4Error::LinkedDirectory { path });
            }
            self.found[*index].n_names += 1;
            return Ok((*index, false));
        }
        let index = self.found.len();
        self.seen.insert(id, index);
        self.found.push(Found::new(node, parent, Some(name)));
        Ok((index, true))
    }
}

fn path_of(found: &[Found<'_>], mut index: usize) -> TreePath {
    let mut names = Vec::new();
    while let Some(name) = found[index].name {
        names.push(name.clone());
        index = found[index].parent;
    }
    names.reverse();
    TreePath::from_names(names)
}

fn ino_of(index: usize) -> u32 {
    match u32::try_from(index).expect("the number of nodes was checked") {
        0 => ROOT_INO,
        index => FIRST_INO - 1 + index,
    }
}

fn item<'a>(
    found: &[Found<'a>],
    index: usize,
    style: &Style,
    xattr_blocks: &mut XattrBlocks,
) -> Result<Item<'a>, Ext4Error> {
    let Found { node, n_names, .. } = &found[index];
    let path = || path_of(found, index);
    let mut xattrs =
        Xattrs::new(&node.xattrs, node.is_directory()).map_err(|source| Ext4Error::Xattr {
            path: path(),
            source,
        })?;
    let links = match &node.kind {
        Kind::Directory(_) => directory_links(found, index),
        _ if *n_names > LINK_MAX => {
            return Err(Ext4Error::TooManyLinks {
                path: path(),
                links: *n_names,
            });
        }
        _ => low16(*n_names),
    };
    Ok(Item {
        ino: ino_of(index),
        meta: node.meta,
        links,
        xattr_block: xattr_blocks.add(xattrs.take_in_block()),
        xattrs,
        body: body(found, index, style)?,
    })
}

/// Counts the name in the parent, `.`, and `..` in every directory below. A number that is too
/// large for the field becomes 1.
fn directory_links(found: &[Found<'_>], index: usize) -> u16 {
    let entries = found[index].entries.iter();
    let n_below = entries
        .filter(|(_, entry)| found[*entry].node.is_directory())
        .count();
    match u32::try_from(2 + n_below) {
        Ok(links @ ..=LINK_MAX) => low16(links),
        _ => 1,
    }
}

fn body<'a>(found: &[Found<'a>], index: usize, style: &Style) -> Result<Body<'a>, Ext4Error> {
    let path = || path_of(found, index);
    let special = |i_mode, i_block| Ok(Body::Special { i_mode, i_block });
    match &found[index].node.kind {
        Kind::Directory(_) => directory(found, index, style).map(Body::Directory),
        Kind::File(content) if !is_bounded(content, style) => Err(Ext4Error::FileTooLarge {
            path: path(),
            len: content.len(),
        }),
        Kind::File(content) => Ok(Body::File(content)),
        Kind::Symlink(target) if !(1..PATH_MAX).contains(&target.len()) || target.contains(&0) => {
            Err(Ext4Error::SymlinkTarget {
                path: path(),
                len: target.len(),
            })
        }
        Kind::Symlink(target) if target.len() < LONG_SYMLINK => Ok(Body::ShortSymlink(target)),
        Kind::Symlink(target) => Ok(Body::LongSymlink(target)),
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
            let i_block = device_field(*major, *minor).ok_or_else(|| Ext4Error::DeviceNumber {
                path: path(),
                major: *major,
                minor: *minor,
            })?;
            let is_block = matches!(found[index].node.kind, Kind::BlockDevice { .. });
            special(if is_block { S_IFBLK } else { S_IFCHR }, i_block)
        }
        Kind::Fifo => special(S_IFIFO, [0; I_BLOCK_LEN]),
        Kind::Socket => special(S_IFSOCK, [0; I_BLOCK_LEN]),
    }
}

fn is_bounded(content: &Content, style: &Style) -> bool {
    let data = data_blocks(content)
        .into_iter()
        .map(|part| part.end - part.start);
    blocks_of(content.len()) <= MAX_FILE_BLOCKS
        && (style.huge_files || data.sum::<u64>() <= MAX_DATA_WITHOUT_HUGE_FILE)
}

fn directory<'a>(
    found: &[Found<'a>],
    index: usize,
    style: &Style,
) -> Result<Directory<'a>, Ext4Error> {
    let entries = found[index].entries.iter().map(|(name, entry)| Entry {
        name,
        ino: ino_of(*entry),
        file_type: file_type(&found[*entry].node.kind),
    });
    let (ino, parent) = (ino_of(index), ino_of(found[index].parent));
    Directory::new(ino, parent, entries.collect(), style).ok_or_else(|| {
        Ext4Error::DirectoryTooLarge {
            path: path_of(found, index),
            entries: found[index].entries.len(),
        }
    })
}

/// The file type in a directory entry.
fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory(_) => FT_DIRECTORY,
        Kind::CharDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}
