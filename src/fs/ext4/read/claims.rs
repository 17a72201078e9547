//! The owner of each block. A block has one owner, so all files together claim no more than the
//! device has, and pointers cannot lead in a circle.

use super::error::Corrupt;
use super::group::{self, Group};
use super::place::Place;
use super::superblock::Superblock;
use std::collections::BTreeMap;
use std::ops::Range;

/// Runs of blocks by their first block, each with its end and its owner.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<u64, (u64, Place)>);

impl Claims {
    /// The claims of the filesystem's own tables.
    pub(super) fn of_tables(superblock: &Superblock, groups: &[Group]) -> Result<Self, Corrupt> {
        let mut claims = Self::default();
        for (start, len) in group::superblock_copies(superblock) {
            claims.claim(start, len, Place::Tables)?;
        }
        for group in groups {
            let n_blocks = superblock.inode_table_blocks();
            claims.claim(group.inode_table, n_blocks, Place::Tables)?;
            claims.claim(group.block_bitmap, 1, Place::Tables)?;
            claims.claim(group.inode_bitmap, 1, Place::Tables)?;
        }
        Ok(claims)
    }

    /// Gives `len` blocks from `start` on, which lie within the filesystem, to `owner`.
    pub(super) fn claim(&mut self, start: u64, len: u64, owner: Place) -> Result<(), Corrupt> {
        let end = start + len;
        if let Some((other_start, (other_end, other))) = self.0.range(..end).next_back()
            && *other_end > start
        {
            return Err(Corrupt::SharedBlock {
                block: start.max(*other_start),
                one: *other,
                other: owner,
            });
        }
        self.0.insert(start, (end, owner));
        Ok(())
    }

    /// The owner of `block`, if it has one, and the blocks around it that have the same one, or have none.
    pub(super) fn at(&self, block: u64) -> (Option<Place>, Range<u64>) {
        let before = self.0.range(..=block).next_back();
        match before {
            Some((start, (end, owner))) if *end > block => (Some(*owner), *start..*end),
            _ => {
                let start = before.map_or(0, |(_, (end, _))| *end);
                let behind = self.0.range(block..).next();
                (None, start..behind.map_or(u64::MAX, |(next, _)| *next))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_one_owner() {
        let mut claims = Claims::default();
        claims.claim(10, 5, Place::Inode(1)).unwrap();
        claims.claim(15, 5, Place::Inode(2)).unwrap();
        claims.claim(5, 5, Place::Inode(3)).unwrap();
        for (start, len, block, one) in [
            (0, 6, 5, 3),
            (14, 1, 14, 1),
            (0, 100, 15, 2),
            (19, 9, 19, 2),
        ] {
            let refused = Corrupt::SharedBlock {
                block,
                one: Place::Inode(one),
                other: Place::Inode(9),
            };
            assert_eq!(claims.claim(start, len, Place::Inode(9)), Err(refused));
        }
        claims.claim(20, 1, Place::Inode(9)).unwrap();
        assert_eq!(claims.at(12), (Some(Place::Inode(1)), 10..15));
        assert_eq!(claims.at(2), (None, 0..5));
        assert_eq!(claims.at(30), (None, 21..u64::MAX));
    }
}
