//! The reader of the crate mkext4, as a fourth witness: other code than ours and than e2fsprogs.

use super::manifest::{Body, Facts, Manifest, text};
use imgbuild::digest::Sha256;
use imgbuild::disk::device::{Device, FileDevice};
use mkext4::reader::{Fs, ReadAt};
use mkext4::spec::Inode;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What mkext4 finds. It shows access control lists in their form on the disk, so they are left
/// out. Its own `verify` is made for its own writer: it expects 32-byte descriptors and checksums
/// of never-used inodes, which e2fsck and the kernel do not need. The result is `None` for
/// filesystems without checksums, in which mkext4 takes the last entry of an index for a checksum.
pub(super) fn manifest(image: &Path) -> Option<Manifest> {
    const METADATA_CSUM: u32 = 0x400;
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let fs = Fs::open(Source(device)).unwrap();
    if fs.superblock().feature_ro_compat & METADATA_CSUM == 0 {
        return None;
    }
    let mut manifest = Manifest::new();
    let mut ahead = vec![(String::new(), 2)];
    while let Some((path, ino)) = ahead.pop() {
        let facts = facts(&fs, ino);
        if facts.body == Body::Directory {
            for entry in fs.read_dir(ino).unwrap() {
                if entry.name != b"." && entry.name != b".." {
                    ahead.push((format!("{path}/{}", text(&entry.name)), entry.inode));
                }
            }
        }
        let path = if path.is_empty() {
            "/".to_owned()
        } else {
            path
        };
        manifest.insert(path, facts);
    }
    Some(manifest)
}

/// The manifest without access control lists, which mkext4 does not translate.
pub(super) fn without_acls(mut manifest: Manifest) -> Manifest {
    for facts in manifest.values_mut() {
        facts
            .xattrs
            .retain(|name, _| !name.starts_with("system.posix_acl_"));
    }
    manifest
}

/// An image in the form that mkext4 reads.
struct Source(FileDevice);

impl ReadAt for Source {
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}

fn facts(fs: &Fs<Source>, ino: u32) -> Facts {
    let inode = fs.inode(ino).unwrap();
    let body = match inode.mode & 0o170_000 {
        0o040_000 => Body::Directory,
        0o100_000 => Body::File(Sha256::of(&content(fs, ino, &inode))),
        0o120_000 => Body::Symlink(text(&fs.symlink_target(ino).unwrap())),
        0o020_000 | 0o060_000 => device(&inode),
        _ => Body::Nothing,
    };
    let xattrs = fs.xattrs(ino).unwrap().into_iter();
    let xattrs: BTreeMap<_, _> = xattrs
        .map(|xattr| (text(&xattr.full_name().unwrap()), xattr.value))
        .collect();
    let (low, extra) = (inode.mtime.cast_signed(), inode.mtime_extra);
    Facts {
        mode: inode.mode.into(),
        owner: (inode.uid, inode.gid),
        mtime: (i64::from(low) + (i64::from(extra & 3) << 32), extra >> 2),
        links: inode.links_count.into(),
        xattrs: xattrs
            .into_iter()
            .filter(|(name, _)| !name.starts_with("system.posix_acl_"))
            .collect(),
        body,
    }
}

/// Reads a file by its extents. mkext4's own `read_file` refuses a file that is longer than the
/// filesystem, as a sparse file can be.
fn content(fs: &Fs<Source>, ino: u32, inode: &Inode) -> Vec<u8> {
    let extents = fs.extents(ino, inode).unwrap();
    let mut content = vec![0; usize::try_from(inode.size).unwrap()];
    let len = fs.read_file_at(inode, &extents, 0, &mut content).unwrap();
    assert_eq!(len, content.len());
    content
}

fn device(inode: &Inode) -> Body {
    let word = |at: usize| u32::from_le_bytes(inode.block[at..at + 4].try_into().unwrap());
    match (word(0), word(4)) {
        (0, new) => Body::Device(new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xf_ff00),
        (old, _) => Body::Device(old >> 8 & 0xff, old & 0xff),
    }
}
