//! The writer of imgbuild, from a folder to a file as a build writes it.

use super::folder::{self, Found};
use imgbuild::digest::Sha256;
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::event::Silent;
use imgbuild::fs::ext4::{self, Params};
use imgbuild::sink::{self, Digest};
use imgbuild::tree::{
    Content, Kind, Meta, Name, Node, NodeId, Objects, Origin, Piece, Slice, Tree, TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files instead of objects of a store; their numbers take the place of digests.
#[derive(Default)]
pub(super) struct Files(Vec<PathBuf>);

impl Files {
    fn add(&mut self, path: &Path) -> Sha256 {
        let mut object = [0; 32];
        object[..8].copy_from_slice(&(self.0.len() as u64).to_le_bytes());
        self.0.push(path.to_owned());
        Sha256(object)
    }
}

impl Objects for Files {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        let index = u64::from_le_bytes(digest.0[..8].try_into().unwrap());
        fs_err::File::open(&self.0[index as usize])
    }
}

pub(super) fn params(len: u64) -> Params {
    Params::new(
        len,
        *b"filesystem uuid!",
        *b"a seed of hashes",
        Epoch(1_757_663_741),
    )
}

/// Bytes and inodes of a filesystem for `folder`.
pub(super) fn measure(folder: &Path) -> (u64, u64) {
    let (tree, _) = read(folder);
    let bytes = ext4::measure(&tree, &params(0)).unwrap();
    (bytes, tree.walk().len() as u64 + 2048)
}

/// Writes `folder` into a filesystem of `len` bytes in the file `image`.
pub(super) fn write(folder: &Path, image: &Path, len: u64) {
    let (tree, files) = read(folder);
    let sealed = ext4::seal(&tree, &params(len)).unwrap();
    drop(tree);
    sink::write(&sealed, &files, image, Digest::Skip, &Silent).unwrap();
}

/// The memory that sealing takes for each of `n` inodes: the process's peak during it, without the memory of
/// the tree.
pub(super) fn memory(n: u32) -> u64 {
    let mut tree = Tree::new(meta(0o755));
    let mut files = 0;
    let object = Sha256([0; 32]);
    while files < n {
        let directory = TreePath::parse(format!("/directory-{}", files / 200).as_bytes()).unwrap();
        insert(&mut tree, &directory, Kind::Directory(BTreeMap::new()));
        for i in files..n.min(files + 200) {
            let path = directory.join(&Name::new(format!("file-{i}").as_bytes()).unwrap());
            let slice = Slice {
                object,
                offset: u64::from(i) * 5000,
                len: 5000,
            };
            insert(&mut tree, &path, Kind::File(Content::Stored(slice)));
        }
        files = n.min(files + 200);
    }
    let before = peak();
    let len = ext4::measure(&tree, &params(0)).unwrap();
    let image = ext4::seal(&tree, &params(len)).unwrap();
    let taken = peak() - before;
    assert!(!image.is_empty());
    taken / u64::from(n)
}

fn meta(mode: u16) -> Meta {
    Meta::root(mode, Timestamp::default())
}

fn insert(tree: &mut Tree, path: &TreePath, kind: Kind) {
    tree.insert(path, Node::new(kind, meta(0o755), Origin::Builtin))
        .unwrap();
}

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

/// The contents of `folder` as a tree of files that are not copied.
pub(super) fn read(folder: &Path) -> (Tree, Files) {
    let found = folder::read(folder);
    let mut files = Files::default();
    let mut tree = Tree::new(meta_of(&found[0]));
    let mut ids = vec![tree.root()];
    let mut linked: BTreeMap<(u64, u64), NodeId> = BTreeMap::new();
    for found in &found[1..] {
        let inode = (found.metadata.dev(), found.metadata.ino());
        let known = linked.get(&inode).copied();
        let id = known.unwrap_or_else(|| {
            let kind = kind(found, &mut files);
            tree.add(Node::new(kind, meta_of(found), Origin::Builtin))
        });
        if found.metadata.nlink() > 1 && !found.metadata.is_dir() {
            linked.insert(inode, id);
        }
        let Kind::Directory(entries) = &mut tree.node_mut(ids[found.parent]).kind else {
            unreachable!("only a folder holds something");
        };
        entries.insert(Name::new(found.name.as_bytes()).unwrap(), id);
        ids.push(id);
    }
    (tree, files)
}

fn meta_of(found: &Found) -> Meta {
    let metadata = &found.metadata;
    Meta {
        mode: (metadata.mode() & 0o7777) as u16,
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: Timestamp {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec() as u32,
        },
    }
}

fn kind(found: &Found, files: &mut Files) -> Kind {
    let file_type = found.metadata.file_type();
    if file_type.is_dir() {
        Kind::Directory(BTreeMap::new())
    } else if file_type.is_symlink() {
        let target = fs_err::read_link(&found.path).unwrap();
        Kind::Symlink(target.as_os_str().as_bytes().into())
    } else if file_type.is_file() {
        Kind::File(content(found, files))
    } else {
        Kind::Fifo
    }
}

fn content(found: &Found, files: &mut Files) -> Content {
    let len = found.metadata.len();
    if len == 0 {
        return Content::inline(b"");
    }
    let object = files.add(&found.path);
    let mut pieces = Vec::new();
    let mut at = 0;
    for (start, end) in folder::data(&found.path, &found.metadata) {
        let slice = Slice {
            object,
            offset: start,
            len: end - start,
        };
        pieces.extend([Piece::Hole(start - at), Piece::Stored(slice)]);
        at = end;
    }
    pieces.push(Piece::Hole(len - at));
    Content::from_pieces(pieces)
}
