//! The readers, which read every name and then every byte of every file.

use imgbuild::digest::Sha256;
use imgbuild::disk::device::{Device, FileDevice};
use imgbuild::fs::ext4::read::Filesystem;
use imgbuild::tree::{Kind, Piece, Slice};
use mkext4::reader::Fs;
use mkext4::spec::inode::FileType;
use std::collections::BTreeSet;
use std::path::Path;

/// The number of bytes of one read.
const BUFFER: usize = 1 << 20;
const ROOT_INO: u32 = 2;

/// Reads `image` with imgbuild's reader: how many inodes, and how many bytes of content.
pub(super) fn ours(image: &Path) -> (u64, u64) {
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let place = Slice {
        object: Sha256([0; 32]),
        offset: 0,
        len: device.len(),
    };
    let filesystem = Filesystem::open(&device).unwrap();
    let tree = filesystem.tree(&place).unwrap();
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    let nodes: BTreeSet<_> = tree.walk().into_iter().map(|(_, id)| id).collect();
    for id in &nodes {
        let Kind::File(content) = &tree.node(*id).kind else {
            continue;
        };
        bytes += content.len();
        for piece in content.pieces() {
            let Piece::Stored(slice) = piece else {
                continue;
            };
            let mut at = 0;
            while at < slice.len {
                let n = BUFFER.min((slice.len - at) as usize);
                let into = &mut buffer[..n];
                device.read_at(slice.offset + at, into).unwrap();
                at += n as u64;
            }
        }
    }
    (nodes.len() as u64, bytes)
}

/// The same with mkext4's.
pub(super) fn mkext4(image: &Path) -> (u64, u64) {
    let filesystem = Fs::open(fs_err::File::open(image).unwrap().into_file()).unwrap();
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    let mut seen = BTreeSet::from([ROOT_INO]);
    let mut ahead = vec![ROOT_INO];
    while let Some(directory) = ahead.pop() {
        for entry in filesystem.read_dir(directory).unwrap() {
            let is_new = entry.name != b"." && entry.name != b".." && seen.insert(entry.inode);
            if !is_new {
                continue;
            }
            filesystem.xattrs(entry.inode).unwrap();
            let inode = filesystem.inode(entry.inode).unwrap();
            match inode.file_type() {
                FileType::Dir => ahead.push(entry.inode),
                FileType::Symlink => drop(filesystem.symlink_target(entry.inode).unwrap()),
                FileType::Regular => {
                    bytes += inode.size;
                    let extents = filesystem.extents(entry.inode, &inode).unwrap();
                    let mut at = 0;
                    while at < inode.size {
                        let read = filesystem.read_file_at(&inode, &extents, at, &mut buffer);
                        at += read.unwrap() as u64;
                    }
                }
                _ => {}
            }
        }
    }
    (seen.len() as u64, bytes)
}
