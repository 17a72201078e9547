//! What holds between the fields of a superblock, so that nobody doubts it afterwards.

use super::values::{Superblock, unfit};
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::inode::FIRST_INO;
use crate::fs::ext4::read::error::{Corrupt, ReadError};

/// Refuses what does not fit together, or does not fit on a device of `device_len` bytes.
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
    groups(superblock)?;
    sizes(superblock)?;
    inodes(superblock)?;
    Ok(())
}

fn groups(superblock: &Superblock) -> Result<(), Corrupt> {
    let ratio = superblock.log_cluster_ratio;
    let first_block = u64::from(superblock.block_size == 1024 && ratio == 0);
    rule(
        superblock.first_block == first_block,
        "s_first_data_block",
        superblock.first_block,
        "1 with blocks of 1024 bytes, else 0",
    )?;
    // A bitmap is one block, with a bit for each cluster.
    let most = if ratio < 32 {
        bits(superblock) << ratio
    } else {
        0
    };
    rule(
        (8..=most).contains(&u64::from(superblock.blocks_per_group)),
        "s_blocks_per_group",
        superblock.blocks_per_group,
        "8 or more, and a bit each in one block",
    )?;
    rule(
        superblock.n_groups > 0,
        "s_blocks_count",
        superblock.n_blocks,
        "one group or more",
    )
}

fn sizes(superblock: &Superblock) -> Result<(), Corrupt> {
    let fits = |size: u16, least: u32, most: u32| {
        size.is_power_of_two() && (least..=most).contains(&u32::from(size))
    };
    rule(
        fits(superblock.inode_size, 128, superblock.block_size),
        "s_inode_size",
        superblock.inode_size,
        "a power of two from 128 to the size of a block",
    )?;
    let is_wide = superblock.features.has(feature::SIXTY_FOUR_BIT);
    rule(
        fits(
            superblock.descriptor_size,
            if is_wide { 64 } else { 32 },
            1024,
        ),
        "s_desc_size",
        superblock.descriptor_size,
        "a power of two from 64 to 1024",
    )
}

fn inodes(superblock: &Superblock) -> Result<(), Corrupt> {
    let per_group = u64::from(superblock.inodes_per_group);
    rule(
        (1..=bits(superblock)).contains(&per_group),
        "s_inodes_per_group",
        per_group,
        "1 or more, and a bit each in one block",
    )?;
    rule(
        u64::from(superblock.n_inodes) == u64::from(superblock.n_groups) * per_group,
        "s_inodes_count",
        superblock.n_inodes,
        "the inodes of all groups",
    )?;
    rule(
        superblock.first_inode >= FIRST_INO,
        "s_first_ino",
        superblock.first_inode,
        "11 or more",
    )
}

/// Bits in a block.
fn bits(superblock: &Superblock) -> u64 {
    u64::from(superblock.block_size) * 8
}

fn rule(
    is_kept: bool,
    field: &'static str,
    found: impl Into<u64>,
    expected: &'static str,
) -> Result<(), Corrupt> {
    match is_kept {
        true => Ok(()),
        false => Err(unfit(field, found, expected)),
    }
}
