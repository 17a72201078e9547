//! The resize inode: it owns the blocks behind the descriptors, so that there is room for more of
//! them when the filesystem grows.
//!
//! ```text
//! inode 7 ─ double-indirect block ─ entry i ─ reserved block i of group 0 ─ entry j ─ the same
//!                                                                           block of copy j
//! ```
//!
//! Entries of the first are counted from the start of the descriptors, wrapping at 1024.

use super::geometry::Geometry;
use super::sizes::{BLOCK_BYTES, BLOCK_SIZE, BLOCKS_PER_GROUP};
use crate::fs::ext4::format::field::{Le32, low32};

/// Block numbers in a block.
const PER_BLOCK: u64 = 1024;
/// The size that the kernel and e2fsck expect: all that direct, indirect and double-indirect blocks
/// reach.
pub(super) const SIZE: u64 = (12 + PER_BLOCK + PER_BLOCK * PER_BLOCK) * BLOCK_BYTES;

/// Blocks of the inode, its double-indirect block among them.
pub(super) fn n_blocks(geometry: &Geometry) -> u64 {
    1 + geometry.n_reserved_descriptor_blocks * geometry.super_groups().count() as u64
}

/// The double-indirect block, and the reserved blocks of group 0 from the first on.
pub(super) fn write(geometry: &Geometry) -> (Vec<u8>, Vec<u8>) {
    let first = 1 + geometry.n_descriptor_blocks;
    let mut double = vec![0; BLOCK_SIZE];
    let mut reserved = Vec::new();
    for i in 0..geometry.n_reserved_descriptor_blocks {
        let block = first + i;
        let entry = (geometry.n_descriptor_blocks + i) % PER_BLOCK;
        Le32(4 * low32(entry) as usize).put(&mut double, low32(block));
        let mut copies = vec![0; BLOCK_SIZE];
        for (j, group) in geometry.super_groups().skip(1).enumerate() {
            Le32(4 * j).put(&mut copies, low32(block + group * BLOCKS_PER_GROUP));
        }
        reserved.extend(copies);
    }
    (double, reserved)
}
