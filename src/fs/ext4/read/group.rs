//! Group descriptors: where each group's bitmaps and inodes lie.

use super::error::{Corrupt, ReadError};
use super::patched::Patched;
use super::place::Place;
use super::superblock::Superblock;
use crate::fs::ext4::format::descriptor::*;
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::field::low32;
use crate::fs::ext4::format::superblock::{OFFSET, has_sparse_superblock};

/// Where the tables of a group lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    /// How many inodes, from the start of the table, may be in use.
    pub(super) n_inodes: u32,
    /// Whether the bitmap of blocks was written. If not, the kernel makes it when it first needs it.
    pub(super) has_block_bitmap: bool,
    /// The checksum of the bitmap of blocks, of which a descriptor of 32 bytes has the lower half.
    pub(super) block_bitmap_csum: u32,
    /// How many of its clusters, which are blocks without `bigalloc`, and of its inodes are free.
    pub(super) free: (u32, u32),
}

/// Reads and verifies all descriptors.
pub(super) fn read(device: &Patched<'_>, superblock: &Superblock) -> Result<Vec<Group>, ReadError> {
    let size = usize::from(superblock.descriptor_size);
    let block_size = u64::from(superblock.block_size);
    let per_block = superblock.block_size / u32::from(superblock.descriptor_size);
    let mut groups = Vec::new();
    for index in 0..superblock.n_groups.div_ceil(per_block) {
        let first = index * per_block;
        let n = (superblock.n_groups - first).min(per_block) as usize;
        let block = descriptor_block(superblock, index, per_block);
        superblock.check_blocks(Place::Superblock, block, 1)?;
        let bytes = device.read(block * block_size, n * size)?;
        for (group, descriptor) in (first..).zip(bytes.chunks_exact(size)) {
            groups.push(Group::parse(descriptor, group, superblock)?);
        }
    }
    Ok(groups)
}

/// The block that holds block `index` of the descriptors. They follow the superblock; with
/// `meta_bg`, each lies in the first group that it describes.
pub(super) fn descriptor_block(superblock: &Superblock, index: u32, per_block: u32) -> u64 {
    let behind_superblock = OFFSET / u64::from(superblock.block_size) + 1;
    if !superblock.features.has(feature::META_BG) || index < superblock.first_meta_bg {
        return behind_superblock + u64::from(index);
    }
    let group = u64::from(index) * u64::from(per_block);
    // With blocks of 1024 bytes and clusters, the superblock is the second block of group 0.
    if group == 0 {
        return behind_superblock;
    }
    let start = superblock.first_block + group * u64::from(superblock.blocks_per_group);
    start + u64::from(has_superblock(superblock, group))
}

/// Whether `group` begins with a copy of the superblock.
pub(super) fn has_superblock(superblock: &Superblock, group: u64) -> bool {
    if superblock.features.has(feature::SPARSE_SUPER2) {
        let backups = superblock.backup_groups.map(u64::from);
        group == 0 || backups.contains(&group)
    } else if superblock.features.has(feature::SPARSE_SUPER) {
        has_sparse_superblock(group)
    } else {
        true
    }
}

/// For the superblock and each copy, gives the first block, and the number of blocks including the
/// descriptors behind it.
pub(super) fn superblock_copies(superblock: &Superblock) -> Vec<(u64, u64)> {
    let per_block = superblock.block_size / u32::from(superblock.descriptor_size);
    let n_tables = superblock.n_groups.div_ceil(per_block);
    let behind_each = match superblock.features.has(feature::META_BG) {
        true => superblock.first_meta_bg.min(n_tables),
        false => n_tables,
    };
    let mut copies = vec![(
        OFFSET / u64::from(superblock.block_size),
        1 + u64::from(behind_each),
    )];
    for group in 1..u64::from(superblock.n_groups) {
        if has_superblock(superblock, group) {
            let start = superblock.first_block + group * u64::from(superblock.blocks_per_group);
            copies.push((start, 1 + u64::from(behind_each)));
        }
    }
    copies
}

impl Group {
    fn parse(bytes: &[u8], number: u32, superblock: &Superblock) -> Result<Self, Corrupt> {
        verify(bytes, number, superblock)?;
        let is_wide = bytes.len() >= 64;
        // Linux uses these two fields only if descriptors have checksums.
        let has_counts = superblock.features.has(feature::METADATA_CSUM)
            || superblock.features.has(feature::UNINIT_BG);
        let n_inodes = if !has_counts {
            superblock.inodes_per_group
        } else if BG_FLAGS.get(bytes) & BG_INODE_UNINIT != 0 {
            0
        } else {
            let unused = low32(BG_ITABLE_UNUSED.get(bytes, is_wide));
            superblock.inodes_per_group.saturating_sub(unused)
        };
        let group = Self {
            block_bitmap: BG_BLOCK_BITMAP.get(bytes, is_wide),
            inode_bitmap: BG_INODE_BITMAP.get(bytes, is_wide),
            inode_table: BG_INODE_TABLE.get(bytes, is_wide),
            n_inodes,
            has_block_bitmap: !has_counts || BG_FLAGS.get(bytes) & BG_BLOCK_UNINIT == 0,
            block_bitmap_csum: low32(BG_BLOCK_BITMAP_CSUM.get(bytes, is_wide)),
            free: (
                low32(BG_FREE_BLOCKS_COUNT.get(bytes, is_wide)),
                low32(BG_FREE_INODES_COUNT.get(bytes, is_wide)),
            ),
        };
        let what = Place::Descriptor(number);
        superblock.check_blocks(what, group.block_bitmap, 1)?;
        superblock.check_blocks(what, group.inode_bitmap, 1)?;
        superblock.check_blocks(what, group.inode_table, superblock.inode_table_blocks())?;
        Ok(group)
    }
}

impl Superblock {
    /// The number of blocks of a group's inode table.
    pub(super) fn inode_table_blocks(&self) -> u64 {
        let bytes = u64::from(self.inodes_per_group) * u64::from(self.inode_size);
        bytes.div_ceil(u64::from(self.block_size))
    }
}

/// Refuses a descriptor with a wrong checksum: the low half of a CRC-32C, or the CRC-16 of older
/// filesystems.
fn verify(bytes: &[u8], number: u32, superblock: &Superblock) -> Result<(), Corrupt> {
    let expected = if let Some(seed) = superblock.seed {
        checksum(seed, number, bytes)
    } else if superblock.features.has(feature::UNINIT_BG) {
        old_checksum(&superblock.uuid, number, bytes)
    } else {
        return Ok(());
    };
    Place::Descriptor(number).verify(BG_CHECKSUM.get(bytes), expected)
}
