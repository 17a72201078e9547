//! Extent trees: which run of blocks holds which part of a file.

#[cfg(test)]
mod tests;

use super::claims::Claims;
use super::error::{Corrupt, ReadError};
use super::inode::Inode;
use super::patched::Patched;
use super::place::Place;
use super::superblock::Superblock;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::extent::*;
use crate::fs::ext4::format::field::Le32;

/// `EXT4_MAX_EXTENT_DEPTH`: five levels hold all of the 2^32 blocks.
const MAX_DEPTH: u16 = 5;

/// Blocks of a file that follow each other on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first block, counted from the start of the file.
    pub(super) file_block: u64,
    /// Number of blocks.
    pub(super) len: u64,
    /// The first block, counted from the start of the filesystem.
    pub(super) start: u64,
    /// Whether they were written; otherwise they read as zeros.
    pub(super) is_written: bool,
}

/// A node that is still to be read.
struct Ahead {
    block: u64,
    depth: u16,
    /// File blocks that the node can hold.
    from: u64,
    end: u64,
}

/// The runs of `inode` in the order of the file. All its blocks are claimed.
pub(super) fn runs(
    inode: &Inode,
    device: &Patched<'_>,
    superblock: &Superblock,
    claims: &mut Claims,
) -> Result<Vec<Run>, ReadError> {
    let ino = inode.ino;
    let mut runs = Vec::new();
    let mut ahead = Vec::new();
    let root = Node {
        what: Place::Inode(ino),
        bytes: &inode.i_block,
        from: 0,
        end: FILE_BLOCKS,
    };
    let depth = EH_DEPTH.get(&inode.i_block);
    if depth > MAX_DEPTH {
        return Err(root.unfit(0, "eh_depth", depth, MAX_DEPTH).into());
    }
    root.read(depth, &mut runs, &mut ahead)?;
    while let Some(Ahead {
        block,
        depth,
        from,
        end,
    }) = ahead.pop()
    {
        let what = Place::Block { ino, block };
        superblock.check_blocks(Place::Inode(ino), block, 1)?;
        claims.claim(block, 1, Place::Inode(ino))?;
        let size = superblock.block_size as usize;
        let bytes = device.read(block * u64::from(superblock.block_size), size)?;
        let node = Node {
            what,
            bytes: &bytes,
            from,
            end,
        };
        if let Some(seed) = inode.seed {
            node.verify(seed)?;
        }
        node.read(depth, &mut runs, &mut ahead)?;
    }
    for run in &runs {
        superblock.check_blocks(Place::Inode(ino), run.start, run.len)?;
        claims.claim(run.start, run.len, Place::Inode(ino))?;
    }
    Ok(runs)
}

struct Node<'a> {
    what: Place,
    bytes: &'a [u8],
    from: u64,
    end: u64,
}

impl Node<'_> {
    /// Reads a node of `depth`: adds its runs to `runs`, or the nodes below it to `ahead`, the
    /// first of them at the end.
    fn read(&self, depth: u16, runs: &mut Vec<Run>, ahead: &mut Vec<Ahead>) -> Result<(), Corrupt> {
        let entries = self.entries(depth)?;
        let before = ahead.len();
        let mut at = self.from;
        for (index, entry) in entries.chunks_exact(ENTRY).enumerate() {
            let file_block = u64::from(EE_BLOCK.get(entry));
            if file_block < at {
                return Err(self.unfit(index, "ee_block", file_block, at));
            }
            let len = match depth {
                0 => self.leaf(index, entry, runs)?,
                _ => {
                    ahead.push(Ahead {
                        block: EI_LEAF.get(entry, true),
                        depth: depth - 1,
                        from: file_block,
                        end: self.end,
                    });
                    1
                }
            };
            at = file_block + len;
            if at > self.end {
                return Err(self.unfit(index, "ee_len", at, self.end));
            }
        }
        // The blocks below an entry end where the next one begins.
        let mut end = self.end;
        for child in ahead[before..].iter_mut().rev() {
            child.end = end;
            end = child.from;
        }
        ahead[before..].reverse();
        Ok(())
    }

    fn leaf(&self, index: usize, entry: &[u8], runs: &mut Vec<Run>) -> Result<u64, Corrupt> {
        let ee_len = u64::from(EE_LEN.get(entry));
        let (len, is_written) = match ee_len.checked_sub(MAX_WRITTEN) {
            None | Some(0) => (ee_len, true),
            Some(len) => (len, false),
        };
        if len == 0 {
            return Err(self.unfit(index, "ee_len", 0_u64, 1_u64));
        }
        runs.push(Run {
            file_block: u64::from(EE_BLOCK.get(entry)),
            len,
            start: EE_START.get(entry, true),
            is_written,
        });
        Ok(len)
    }

    /// The entries behind the header.
    fn entries(&self, depth: u16) -> Result<&[u8], Corrupt> {
        let room = u16::try_from((self.bytes.len() - HEADER) / ENTRY).unwrap_or(u16::MAX);
        let [magic, entries, max, found] =
            [EH_MAGIC, EH_ENTRIES, EH_MAX, EH_DEPTH].map(|field| field.get(self.bytes));
        if magic != MAGIC {
            return Err(self.unfit(0, "eh_magic", magic, MAGIC));
        }
        if max > room || max == 0 {
            return Err(self.unfit(0, "eh_max", max, room));
        }
        if entries > max {
            return Err(self.unfit(0, "eh_entries", entries, max));
        }
        if found != depth {
            return Err(self.unfit(0, "eh_depth", found, depth));
        }
        Ok(&self.bytes[HEADER..][..usize::from(entries) * ENTRY])
    }

    /// Refuses a node with a wrong checksum. The checksum stands behind the room for entries.
    fn verify(&self, seed: Seed) -> Result<(), Corrupt> {
        let max = EH_MAX.get(self.bytes);
        let end = HEADER + usize::from(max) * ENTRY;
        let Some(stored) = self.bytes.get(end..end + 4) else {
            let room = (self.bytes.len() - HEADER) / ENTRY;
            return Err(self.unfit(0, "eh_max", max, room as u64));
        };
        self.what
            .verify(Le32(0).get(stored), seed.over(&[&self.bytes[..end]]))
    }

    fn unfit(
        &self,
        index: usize,
        field: &'static str,
        found: impl Into<u64>,
        expected: impl Into<u64>,
    ) -> Corrupt {
        Corrupt::Extent {
            what: self.what,
            index,
            field,
            found: found.into(),
            expected: expected.into(),
        }
    }
}
