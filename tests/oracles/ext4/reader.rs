//! This program's reader as a witness, and foreign filesystems for it to read.

use super::image::Objects;
use super::manifest::{self, Manifest};
use imgbuild::digest::Sha256;
use imgbuild::disk::device::{Device, FileDevice};
use imgbuild::fs::ext4::read::{Filesystem, ReadError};
use imgbuild::tree::{Content, Kind, Piece, Slice, Tree};
use std::path::Path;

/// What this program's reader finds.
pub(super) fn found(image: &Path) -> Manifest {
    let tree = tree(image).unwrap_or_else(|error| panic!("{}: {error}", image.display()));
    manifest::expected(&tree, &Objects::default())
}

/// The tree that this program's reader finds, with all content in memory.
pub(super) fn tree(image: &Path) -> Result<Tree, ReadError> {
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let place = Slice {
        object: Sha256::of(b"the image"),
        offset: 0,
        len: device.len(),
    };
    let mut tree = Filesystem::open(&device)?.tree(&place)?;
    for (_, id) in tree.walk() {
        if let Kind::File(content) = &mut tree.node_mut(id).kind {
            *content = in_memory(content, &device);
        }
    }
    Ok(tree)
}

fn in_memory(content: &Content, device: &FileDevice) -> Content {
    let mut bytes = Vec::new();
    for piece in content.pieces() {
        let start = bytes.len();
        bytes.resize(start + piece.len() as usize, 0);
        match piece {
            Piece::Bytes(piece) => bytes[start..].copy_from_slice(&piece),
            Piece::Stored(slice) => device.read_at(slice.offset, &mut bytes[start..]).unwrap(),
            Piece::Hole(_) => {}
        }
    }
    Content::inline(&bytes)
}
