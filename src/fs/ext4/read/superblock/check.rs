//! The rules between the fields of a superblock, which later code relies on.

use super::values::Superblock;
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::inode::{FIRST_INO, OLD_SIZE};
use crate::fs::ext4::read::error::{Corrupt, ReadError};
use crate::fs::ext4::read::place::Place;

/// Refuses fields that do not fit together, or not a device of `device_len` bytes.
pub(super) fn check(superblock: &Superblock, device_len: u64) -> Result<(), ReadError> {
    let Superblock {
        n_blocks,
        block_size,
        ..
    } = *superblock;
    let len = n_blocks.checked_mul(u64::from(block_size));
    if len.is_none_or(|len| len > device_len) {
        return Err(Corrupt::Truncated {
            n_blocks,
            block_size,
            len: device_len,
        }
        .into());
    }
    for (is_kept, field, found, expected) in rules(superblock) {
        if !is_kept {
            return Err(Place::Superblock.unfit(field, found, expected).into());
        }
    }
    Ok(())
}

/// Each rule: whether it is kept, the field, its value, and what it should be.
fn rules(superblock: &Superblock) -> [(bool, &'static str, u64, &'static str); 8] {
    let block_size = u64::from(superblock.block_size);
    let ratio = superblock.log_cluster_ratio;
    let first_block = u64::from(block_size == 1024 && ratio == 0);
    // A bitmap is one block, with a bit for each cluster or inode.
    let bits = block_size * 8;
    let most_blocks = if ratio < 32 { bits << ratio } else { 0 };
    let per_group = u64::from(superblock.blocks_per_group);
    let inodes_per_group = u64::from(superblock.inodes_per_group);
    let n_inodes = u64::from(superblock.n_groups) * inodes_per_group;
    let is_size = |size: u64, least, most| size.is_power_of_two() && (least..=most).contains(&size);
    let inode_size = u64::from(superblock.inode_size);
    let is_wide = superblock.features.has(feature::SIXTY_FOUR_BIT);
    let least_descriptor = if is_wide { 64 } else { 32 };
    let descriptor_size = u64::from(superblock.descriptor_size);
    [
        (
            superblock.first_block == first_block,
            "s_first_data_block",
            superblock.first_block,
            "1 with blocks of 1024 bytes, else 0",
        ),
        (
            (8..=most_blocks).contains(&per_group),
            "s_blocks_per_group",
            per_group,
            "8 or more, and a bit each in one block",
        ),
        (
            superblock.n_groups > 0,
            "s_blocks_count",
            superblock.n_blocks,
            "one group or more",
        ),
        (
            is_size(inode_size, OLD_SIZE as u64, block_size),
            "s_inode_size",
            inode_size,
            "a power of two from 128 to the size of a block",
        ),
        (
            is_size(descriptor_size, least_descriptor, 1024),
            "s_desc_size",
            descriptor_size,
            "a power of two from 64 to 1024",
        ),
        (
            (1..=bits).contains(&inodes_per_group),
            "s_inodes_per_group",
            inodes_per_group,
            "1 or more, and a bit each in one block",
        ),
        (
            u64::from(superblock.n_inodes) == n_inodes,
            "s_inodes_count",
            superblock.n_inodes.into(),
            "the inodes of all groups",
        ),
        (
            superblock.first_inode >= FIRST_INO,
            "s_first_ino",
            superblock.first_inode.into(),
            "11 or more",
        ),
    ]
}
