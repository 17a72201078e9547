//! Where block groups begin, which of them carry copies of the superblock, and where their
//! bitmaps and inode tables lie.
//!
//! ```text
//! group 0     superblock, descriptors, reserved descriptors │ tables of groups 0…15 │ content …
//! group 1     copies of the first three                     │ content …
//! group 2     content …
//! group 16    tables of groups 16…31 │ content …
//! ```
//!
//! Copies stand in group 1 and the powers of 3, 5 and 7 (`sparse_super`); the tables of 16 groups
//! stand together (`flex_bg`), so that content is hardly ever split.

use super::error::Ext4Error;
use super::params::Params;
use super::sizes::{BLOCK_BYTES, BLOCKS_PER_GROUP, INODES_PER_BLOCK, MAX_INODES_PER_GROUP};
use crate::fs::ext4::format::field::low32;
use crate::fs::ext4::format::superblock::has_sparse_superblock;
use std::ops::Range;

/// Groups whose tables stand together: 2 to this power.
pub(super) const LOG_GROUPS_PER_FLEX: u8 = 4;
/// A last group with fewer blocks for content than this is left out, as by mke2fs.
const MIN_CONTENT: u64 = 50;
/// As many reserved descriptor blocks as one block of the resize inode can name.
const MAX_RESERVED_DESCRIPTOR_BLOCKS: u64 = 1024;
/// Block numbers of the resize inode have 32 bits.
const MAX_BLOCKS: u64 = 0xffff_ffff;

/// Where the tables of one group lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
}

/// The groups of a filesystem.
#[derive(Debug)]
pub(super) struct Geometry {
    pub(super) n_blocks: u64,
    pub(super) inodes_per_group: u32,
    pub(super) descriptor_size: usize,
    pub(super) n_descriptor_blocks: u64,
    pub(super) n_reserved_descriptor_blocks: u64,
    pub(super) groups: Vec<Group>,
    /// The blocks that are not for content, ascending.
    pub(super) reserved: Vec<Range<u64>>,
}

impl Geometry {
    /// Returns the groups of at most `n_blocks` blocks, with inodes up to `last_ino`; or, if not
    /// even the tables fit, a number of blocks with which to try again.
    pub(super) fn new(
        n_blocks: u64,
        last_ino: u32,
        params: &Params,
    ) -> Result<Result<Self, u64>, Ext4Error> {
        let too_long = || Ext4Error::Length {
            len: n_blocks.saturating_mul(BLOCK_BYTES),
        };
        if n_blocks > MAX_BLOCKS {
            return Err(too_long());
        }
        let n_groups = n_blocks.div_ceil(BLOCKS_PER_GROUP).max(1);
        let Some(inodes_per_group) = inodes_per_group(n_blocks, n_groups, last_ino, params)? else {
            return Ok(Err(n_blocks + BLOCKS_PER_GROUP));
        };
        let descriptor_size = if params.features.sixty_four_bit {
            64
        } else {
            32
        };
        let per_block = BLOCK_BYTES / descriptor_size as u64;
        let n_descriptor_blocks = n_groups.div_ceil(per_block);
        let grown = (params.grow_to / BLOCK_BYTES)
            .min(MAX_BLOCKS)
            .div_ceil(BLOCKS_PER_GROUP);
        let n_reserved_descriptor_blocks = grown
            .div_ceil(per_block)
            .saturating_sub(n_descriptor_blocks)
            .min(MAX_RESERVED_DESCRIPTOR_BLOCKS);
        let geometry = Self {
            n_blocks,
            inodes_per_group,
            descriptor_size,
            n_descriptor_blocks,
            n_reserved_descriptor_blocks,
            groups: Vec::new(),
            reserved: Vec::new(),
        };
        let last_group = (n_groups - 1) * BLOCKS_PER_GROUP;
        let smallest = geometry.smallest_group(n_groups - 1);
        if n_blocks - last_group < smallest {
            return match n_groups {
                1 => Ok(Err(smallest)),
                _ => Self::new(last_group, last_ino, params),
            };
        }
        Ok(geometry.place_tables(n_groups))
    }

    /// From how many blocks on there is one more group.
    pub(super) fn next_group_from(&self) -> u64 {
        let n_groups = self.groups.len() as u64;
        n_groups * BLOCKS_PER_GROUP + self.smallest_group(n_groups)
    }

    /// Blocks at the start of every group with a copy of the superblock.
    pub(super) fn super_blocks(&self) -> u64 {
        1 + self.n_descriptor_blocks + self.n_reserved_descriptor_blocks
    }

    /// Blocks of one group's inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group / INODES_PER_BLOCK)
    }

    /// The groups that carry a copy of the superblock, 0 first.
    pub(super) fn super_groups(&self) -> impl Iterator<Item = u64> {
        (0..self.groups.len() as u64).filter(|group| has_sparse_superblock(*group))
    }

    /// The blocks of group `group`.
    pub(super) fn group_blocks(&self, group: u64) -> Range<u64> {
        let start = group * BLOCKS_PER_GROUP;
        start..(start + BLOCKS_PER_GROUP).min(self.n_blocks)
    }

    /// The least blocks of group `group`, if it is the last one.
    fn smallest_group(&self, group: u64) -> u64 {
        let copies = if has_sparse_superblock(group) {
            self.super_blocks()
        } else {
            0
        };
        copies + 2 + self.table_blocks() + MIN_CONTENT
    }

    fn place_tables(mut self, n_groups: u64) -> Result<Self, u64> {
        let per_flex = 1 << LOG_GROUPS_PER_FLEX;
        for first in (0..n_groups).step_by(per_flex) {
            let n = (n_groups - first).min(per_flex as u64);
            let mut at = first * BLOCKS_PER_GROUP;
            let mut take = |len: u64| {
                at = self.behind_copies(at, len);
                at += len;
                at - len
            };
            let block_bitmaps = take(n);
            let inode_bitmaps = take(n);
            let tables: Vec<u64> = (0..n).map(|_| take(self.table_blocks())).collect();
            if at > self.n_blocks {
                return Err(at);
            }
            self.reserved.push(block_bitmaps..block_bitmaps + n);
            self.reserved.push(inode_bitmaps..inode_bitmaps + n);
            for (i, inode_table) in (0..).zip(tables) {
                self.reserved
                    .push(inode_table..inode_table + self.table_blocks());
                self.groups.push(Group {
                    block_bitmap: block_bitmaps + i,
                    inode_bitmap: inode_bitmaps + i,
                    inode_table,
                });
            }
        }
        let super_groups: Vec<u64> = self.super_groups().collect();
        for group in super_groups {
            let start = group * BLOCKS_PER_GROUP;
            self.reserved.push(start..start + self.super_blocks());
        }
        self.reserved.sort_by_key(|range| range.start);
        Ok(self)
    }

    /// The first place from `at` on where `len` blocks touch no copy of the superblock.
    fn behind_copies(&self, mut at: u64, len: u64) -> u64 {
        loop {
            let groups = at / BLOCKS_PER_GROUP..=(at + len - 1) / BLOCKS_PER_GROUP;
            let behind = groups
                .filter(|group| has_sparse_superblock(*group))
                .map(|group| group * BLOCKS_PER_GROUP + self.super_blocks())
                .rfind(|behind| *behind > at);
            match behind {
                Some(behind) => at = behind,
                None => return at,
            }
        }
    }
}

/// Returns how many inodes each group has, or `None` if the groups are too few.
fn inodes_per_group(
    n_blocks: u64,
    n_groups: u64,
    last_ino: u32,
    params: &Params,
) -> Result<Option<u32>, Ext4Error> {
    let by_ratio = n_blocks * BLOCK_BYTES / params.bytes_per_inode;
    let needed = u64::from(last_ino) + u64::from(params.spare_inodes);
    // The table fills whole blocks, and the count of all inodes has 32 bits.
    let blocks_per_group = by_ratio
        .max(needed)
        .div_ceil(n_groups)
        .div_ceil(INODES_PER_BLOCK.into());
    let most = u64::from(u32::MAX) / n_groups / u64::from(INODES_PER_BLOCK);
    let full = u64::from(MAX_INODES_PER_GROUP / INODES_PER_BLOCK);
    let per_group = blocks_per_group.min(most).min(full) * u64::from(INODES_PER_BLOCK);
    if per_group * n_groups >= needed {
        return Ok(Some(low32(per_group)));
    }
    if n_blocks + BLOCKS_PER_GROUP > MAX_BLOCKS {
        return Err(Ext4Error::TooManyNodes);
    }
    Ok(None)
}
