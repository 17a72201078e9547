//! Group descriptors.

use super::geometry::Group;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::descriptor::*;

/// The descriptor of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) place: Group,
    pub(super) free_blocks: u32,
    pub(super) free_inodes: u32,
    pub(super) used_dirs: u32,
    /// Inodes at the end of the table that were never used.
    pub(super) itable_unused: u32,
    pub(super) flags: u16,
    pub(super) block_bitmap_csum: u32,
    pub(super) inode_bitmap_csum: u32,
}

impl Descriptor {
    /// Returns the bytes. Only descriptors of 64 bytes have the upper halves of numbers.
    pub(super) fn write(&self, group: u32, size: usize, seed: Option<Seed>) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        BG_BLOCK_BITMAP.put(&mut bytes, self.place.block_bitmap);
        BG_INODE_BITMAP.put(&mut bytes, self.place.inode_bitmap);
        BG_INODE_TABLE.put(&mut bytes, self.place.inode_table);
        BG_FREE_BLOCKS_COUNT.put(&mut bytes, self.free_blocks);
        BG_FREE_INODES_COUNT.put(&mut bytes, self.free_inodes);
        BG_USED_DIRS_COUNT.put(&mut bytes, self.used_dirs);
        BG_FLAGS.put(&mut bytes, self.flags);
        BG_BLOCK_BITMAP_CSUM.put(&mut bytes, self.block_bitmap_csum);
        BG_INODE_BITMAP_CSUM.put(&mut bytes, self.inode_bitmap_csum);
        BG_ITABLE_UNUSED.put(&mut bytes, self.itable_unused);
        bytes.truncate(size);
        if let Some(seed) = seed {
            let sum = checksum(seed, group, &bytes);
            BG_CHECKSUM.put(&mut bytes, sum);
        }
        bytes
    }
}
