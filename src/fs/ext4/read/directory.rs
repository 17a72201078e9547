//! Directories: names with their inodes, in blocks as [`format::directory`] draws them.
//!
//! Blocks of an index look like unused entries, so all blocks are read alike. Only their checksums
//! have another place.
//!
//! [`format::directory`]: crate::fs::ext4::format::directory

#[cfg(test)]
mod tests;

use super::error::{Corrupt, ReadError};
use super::inline;
use super::inode::Inode;
use super::place::Place;
use super::superblock::Superblock;
use super::volume::Volume;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::directory::*;
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::field::{Le16, Le32};
use crate::tree::Name;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) ino: u32,
}

/// Returns all names of directory `inode`, whose parent is `parent`, in byte order and without the
/// dots. A name that occurs twice is refused. `rest` is the part of an inline directory in its
/// attribute.
pub(super) fn read(
    inode: &Inode,
    parent: u32,
    rest: &[u8],
    volume: &mut Volume<'_>,
) -> Result<Vec<Entry>, ReadError> {
    let mut reading = Reading {
        ino: inode.ino,
        superblock: volume.superblock,
        entries: Vec::new(),
    };
    if inode.is_inline() {
        reading.check_dot("..", parent, Le32(0).get(&inode.i_block))?;
        for bytes in [&inode.i_block[inline::ENTRIES..], rest] {
            reading.block(Place::Inode(inode.ino), bytes, 0)?;
        }
    } else {
        reading.blocks(inode, parent, volume)?;
    }
    let mut entries = reading.entries;
    entries.sort_unstable();
    match entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        None => Ok(entries),
        Some(twice) => Err(Corrupt::DuplicateName {
            directory: inode.ino,
            name: twice[0].name.as_bytes().to_vec(),
        }
        .into()),
    }
}

struct Reading<'a> {
    ino: u32,
    superblock: &'a Superblock,
    entries: Vec<Entry>,
}

/// An entry as it stands in a block.
struct Raw<'a> {
    ino: u32,
    len: usize,
    name: &'a [u8],
}

impl Reading<'_> {
    fn blocks(
        &mut self,
        inode: &Inode,
        parent: u32,
        volume: &mut Volume<'_>,
    ) -> Result<(), ReadError> {
        let block_size = u64::from(self.superblock.block_size);
        if inode.size == 0 || !inode.size.is_multiple_of(block_size) {
            let expected = "one block or more";
            return Err(Place::Inode(inode.ino)
                .unfit("i_size", inode.size, expected)
                .into());
        }
        let n_blocks = inode.size / block_size;
        let runs = volume.runs_without_holes(inode, n_blocks, "a directory")?;
        for run in runs {
            // Blocks behind the end of the directory belong to it, but are not read.
            let len = run.len.min(n_blocks.saturating_sub(run.file_block));
            let bytes = volume.read_blocks(run.start, len)?;
            let blocks = bytes.chunks_exact(self.superblock.block_size as usize);
            for ((number, block), file_block) in (run.start..).zip(blocks).zip(run.file_block..) {
                let what = Place::Block {
                    ino: self.ino,
                    block: number,
                };
                let room = room(what, block, file_block == 0, inode)?;
                let from = if file_block == 0 {
                    self.dots(what, block, parent)?
                } else {
                    0
                };
                self.block(what, &block[..room], from)?;
            }
        }
        Ok(())
    }

    /// Checks `.` and `..`, which come first, and returns where they end.
    fn dots(&self, what: Place, block: &[u8], parent: u32) -> Result<usize, Corrupt> {
        let mut end = 0;
        for (name, expected) in [(".", self.ino), ("..", parent)] {
            let mut found = 0;
            if end < block.len() {
                let entry = self.entry(what, block, end)?;
                end += entry.len;
                if entry.name == name.as_bytes() {
                    found = entry.ino;
                }
            }
            self.check_dot(name, expected, found)?;
        }
        Ok(end)
    }

    fn check_dot(&self, name: &'static str, expected: u32, found: u32) -> Result<(), Corrupt> {
        if found == expected {
            return Ok(());
        }
        Err(Corrupt::Dot {
            directory: self.ino,
            name,
            found,
            expected,
        })
    }

    /// Adds the entries from byte `at` on.
    fn block(&mut self, what: Place, bytes: &[u8], mut at: usize) -> Result<(), Corrupt> {
        while at < bytes.len() {
            let Raw { ino, len, name } = self.entry(what, bytes, at)?;
            if ino != 0 {
                self.superblock.check_inode(what, ino)?;
                let name = Name::new(name).map_err(|bad| Corrupt::Name {
                    directory: self.ino,
                    name: bad.0,
                })?;
                self.entries.push(Entry { name, ino });
            }
            at += len;
        }
        Ok(())
    }

    /// The entry at byte `at`, which ends within `bytes`.
    fn entry<'b>(&self, what: Place, bytes: &'b [u8], at: usize) -> Result<Raw<'b>, Corrupt> {
        let unfit = |field, found: usize, expected| Corrupt::DirectoryEntry {
            what,
            at,
            field,
            found: found as u64,
            expected,
        };
        let rest = &bytes[at..];
        if rest.len() < SHORTEST {
            return Err(unfit("rec_len", rest.len(), "12 or more up to the end"));
        }
        let len = match usize::from(REC_LEN.get(rest)) {
            // The length of a whole block of 64 KiB has no number.
            0 | 0xffff if self.superblock.block_size == 0x1_0000 => 0x1_0000,
            len => len,
        };
        if len < SHORTEST || len > rest.len() || !len.is_multiple_of(4) {
            return Err(unfit("rec_len", len, "a multiple of 4 from 12 to the end"));
        }
        let name_len = match self.superblock.features.has(feature::FILETYPE) {
            true => usize::from(rest[NAME_LEN]),
            false => usize::from(Le16(NAME_LEN).get(rest)),
        };
        let name = rest[..len].get(NAME..NAME + name_len);
        Ok(Raw {
            ino: INODE.get(rest),
            len,
            name: name.ok_or_else(|| unfit("name_len", name_len, "within the entry"))?,
        })
    }
}

/// Verifies the checksum of `block`, if it has one, and returns how many bytes hold entries.
fn room(what: Place, block: &[u8], is_first: bool, inode: &Inode) -> Result<usize, Corrupt> {
    let Some(seed) = inode.seed else {
        return Ok(block.len());
    };
    let len = usize::from(REC_LEN.get(block));
    let is_unused = INODE.get(block) == 0 && (matches!(len, 0 | 0xffff) || len == block.len());
    if inode.has_index() && is_first {
        verify_index(what, block, ROOT_TABLE, seed)?;
        Ok(block.len())
    } else if inode.has_index() && is_unused {
        verify_index(what, block, NODE_TABLE, seed)?;
        Ok(block.len())
    } else {
        let room = block.len() - TAIL;
        if block[room..][..TAIL_MARK.len()] != TAIL_MARK {
            return Err(Corrupt::DirectoryEntry {
                what,
                at: room,
                field: "file_type",
                found: u64::from(block[room + FILE_TYPE]),
                expected: "an unused entry with file type 0xde, for the checksum",
            });
        }
        let found = TAIL_CHECKSUM.get(&block[room..]);
        what.verify(found, seed.over(&[&block[..room]]))?;
        Ok(room)
    }
}

/// Verifies the checksum behind the room for index entries.
fn verify_index(what: Place, block: &[u8], count_at: usize, seed: Seed) -> Result<(), Corrupt> {
    let limit = usize::from(Le16(count_at).get(block));
    let count = usize::from(Le16(count_at + 2).get(block));
    let tail = count_at + limit * INDEX_ENTRY;
    if tail + INDEX_ENTRY > block.len() || count > limit {
        return Err(Corrupt::DirectoryEntry {
            what,
            at: count_at,
            field: "limit",
            found: limit as u64,
            expected: "an index within the block",
        });
    }
    let sum = index_checksum(seed, block, count_at, count, limit);
    what.verify(Le32(tail + 4).get(block), sum)
}
