//! Writes a tree to disk as files that belong to the user of this process.

use super::credentials::Owner;
use super::error::{Doing, Failure};
use super::owners::{Inode, Owners};
use crate::tree::{
    Content, Kind, LastOpen, Meta, Node, NodeId, Objects, Piece, Slice, Tree, TreePath,
};
use rustix::fs::{AtFlags, CWD, FileType, Mode, StatxFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The state of a file, by which an unchanged file is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The time of birth, which tells a new file from an old one whose inode number it got. It is
    /// zero if the filesystem does not keep it.
    pub(super) born: (i64, u32),
    pub(super) modified: (i64, u32),
    pub(super) changed: (i64, u32),
    pub(super) size: u64,
    pub(super) mode: u32,
}

/// A tree that was written to disk.
pub(super) struct WrittenTree {
    /// The node of each inode.
    pub(super) nodes: BTreeMap<Inode, (NodeId, Stamp)>,
    /// The nodes that were not written: devices, which an ordinary user cannot make, and sockets,
    /// which no script needs.
    pub(super) left_out: Vec<(TreePath, NodeId)>,
}

/// Writes `tree` to the empty folder `root`, and notes owners other than root in `owners`.
pub(super) fn materialize(
    tree: &Tree,
    root: &Path,
    objects: &dyn Objects,
    owners: &mut Owners,
) -> Result<WrittenTree, Failure> {
    let mut first_names: BTreeMap<NodeId, PathBuf> = BTreeMap::new();
    let mut left_out = Vec::new();
    // Neighbouring files are often in one object.
    let objects = LastOpen::new(objects);
    let walk = tree.walk();
    for (path, id) in &walk {
        let node = tree.node(*id);
        let target = below(root, path);
        let doing = || format!("lay out `{path}`");
        if let Some(first) = first_names.get(id) {
            fs_err::hard_link(first, &target).doing(doing)?;
            continue;
        }
        match &node.kind {
            Kind::BlockDevice { .. } | Kind::CharDevice { .. } | Kind::Socket => {
                left_out.push((path.clone(), *id));
                continue;
            }
            Kind::Directory(_) if path.split_last().is_none() => {}
            Kind::Directory(_) => fs_err::create_dir(&target).doing(doing)?,
            Kind::Symlink(to) => {
                fs_err::os::unix::fs::symlink(OsStr::from_bytes(to), &target).doing(doing)?;
            }
            Kind::Fifo => {
                rustix::fs::mknodat(CWD, &target, FileType::Fifo, Mode::RUSR, 0).doing(doing)?
            }
            Kind::File(content) => {
                write_file(&target, content, &objects).doing(doing)?;
            }
        }
        set_metadata(&target, node).doing(doing)?;
        first_names.insert(*id, target);
    }
    // Modes and times of directories come last, the deepest first: making entries changes the
    // times, and some modes would not let this process enter the directory.
    let mut nodes = BTreeMap::new();
    for (path, id) in walk.iter().rev() {
        let Some(target) = first_names.get(id) else {
            continue;
        };
        let node = tree.node(*id);
        let doing = || format!("lay out `{path}`");
        if node.is_directory() {
            set_mode(target, node.meta.mode).doing(doing)?;
            set_times(target, node.meta).doing(doing)?;
        }
        let (inode, stamp) = stamp(target).doing(doing)?;
        nodes.insert(inode, (*id, stamp));
        let Meta { uid, gid, .. } = node.meta;
        if (uid, gid) != (0, 0) {
            let target = CString::new(target.as_os_str().as_bytes()).map_err(io::Error::from);
            target
                .and_then(|target| owners.set(&target, Owner { uid, gid }))
                .doing(doing)?;
        }
    }
    Ok(WrittenTree { nodes, left_out })
}

/// The path of the host at which `path` of the tree is, if the tree is in `root`.
pub(super) fn below(root: &Path, path: &TreePath) -> PathBuf {
    root.join(OsStr::from_bytes(&path.to_bytes()[1..]))
}

/// Identity and state of the file `path`. A symlink is not followed.
pub(super) fn stamp(path: &Path) -> io::Result<(Inode, Stamp)> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let status = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, wanted)?;
    let inode = Inode {
        device: rustix::fs::makedev(status.stx_dev_major, status.stx_dev_minor),
        number: status.stx_ino,
    };
    let time = |time: rustix::fs::StatxTimestamp| (time.tv_sec, time.tv_nsec);
    let stamp = Stamp {
        born: time(status.stx_btime),
        modified: time(status.stx_mtime),
        changed: time(status.stx_ctime),
        size: status.stx_size,
        mode: status.stx_mode.into(),
    };
    Ok((inode, stamp))
}

fn write_file(target: &Path, content: &Content, objects: &dyn Objects) -> io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(target)?;
    for piece in content.pieces() {
        match piece {
            Piece::Bytes(bytes) => file.write_all(&bytes)?,
            Piece::Hole(len) => {
                file.seek(SeekFrom::Current(len.try_into().map_err(io::Error::other)?))?;
            }
            Piece::Stored(slice) => copy(&objects.open(&slice.object)?, &slice, &file)?,
        }
    }
    // A hole at the end is not written, so the length is set.
    match content {
        Content::Pieces(_) => file.set_len(content.len()),
        Content::Inline(_) | Content::Stored(_) | Content::Padded(_) => Ok(()),
    }
}

/// Lets the kernel copy `slice` of `source` to the current position of `target`.
fn copy(source: &fs_err::File, slice: &Slice, target: &fs_err::File) -> io::Result<()> {
    let mut offset = slice.offset;
    let mut left = slice.len;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX);
        let from = Some(&mut offset);
        let n = rustix::fs::copy_file_range(source.file(), from, target.file(), None, len)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= n as u64;
    }
    Ok(())
}

/// Sets the metadata of a new file except its owner. A directory gets its mode and times later.
fn set_metadata(target: &Path, node: &Node) -> io::Result<()> {
    let directory = node.is_directory();
    if directory {
        set_mode(target, 0o700)?;
    }
    for (name, value) in &node.xattrs {
        let set = rustix::fs::lsetxattr(target, name.as_slice(), value, XattrFlags::empty());
        match set {
            // An attribute that this filesystem or user cannot have is kept in the tree only.
            Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !directory {
        if !matches!(node.kind, Kind::Symlink(_)) {
            set_mode(target, node.meta.mode)?;
        }
        set_times(target, node.meta)?;
    }
    Ok(())
}

fn set_mode(target: &Path, mode: u16) -> io::Result<()> {
    let mode = Mode::from_raw_mode(u32::from(mode));
    Ok(rustix::fs::chmodat(CWD, target, mode, AtFlags::empty())?)
}

fn set_times(target: &Path, meta: Meta) -> io::Result<()> {
    let time = Timespec {
        tv_sec: meta.mtime.seconds,
        tv_nsec: meta.mtime.nanoseconds.into(),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(CWD, target, &times, flags)?)
}
