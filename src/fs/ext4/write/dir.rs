//! Directories: entries in blocks, with an index above one block.

use super::entry::{Entry, Style};
use super::htree::Index;
use super::sizes::BLOCK_SIZE;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::directory::{FT_DIRECTORY, SHORTEST, TAIL_CHECKSUM, TAIL_MARK};
use crate::fs::ext4::format::inode::FIRST_INO;

/// Blocks of a new `lost+found`. e2fsck uses them when it can no longer allocate blocks.
const LOST_FOUND_BLOCKS: u64 = 4;

/// A directory with its entries in the order of the disk.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) ino: u32,
    pub(super) parent: u32,
    entries: Vec<Entry<'a>>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// One block with entries, then empty ones.
    Linear { n_blocks: u64 },
    /// Leaf blocks in the order of their names' hashes.
    Indexed(Index),
}

impl<'a> Directory<'a> {
    /// Decides the shape. `None` if there are more entries than an index of two levels holds.
    pub(super) fn new(
        ino: u32,
        parent: u32,
        mut entries: Vec<Entry<'a>>,
        style: &Style,
    ) -> Option<Self> {
        let len: usize = 2 * SHORTEST + entries.iter().map(Entry::len).sum::<usize>();
        let shape = if len <= style.leaf_room() {
            let is_lost_found = ino == FIRST_INO;
            let n_blocks = if is_lost_found { LOST_FOUND_BLOCKS } else { 1 };
            Shape::Linear { n_blocks }
        } else {
            Shape::Indexed(Index::new(&mut entries, style)?)
        };
        Some(Self {
            ino,
            parent,
            entries,
            shape,
        })
    }

    /// Blocks it takes.
    pub(super) fn n_blocks(&self) -> u64 {
        match &self.shape {
            Shape::Linear { n_blocks } => *n_blocks,
            Shape::Indexed(index) => index.n_blocks(),
        }
    }

    /// Whether it has an index, which its inode has to say.
    pub(super) fn is_indexed(&self) -> bool {
        matches!(self.shape, Shape::Indexed(_))
    }

    /// `.` and `..`.
    pub(super) fn dots(&self) -> [Entry<'static>; 2] {
        let dot = |name, ino| Entry {
            name,
            ino,
            file_type: FT_DIRECTORY,
        };
        [dot(b".", self.ino), dot(b"..", self.parent)]
    }

    /// All blocks in a row. `seed` is the filesystem's.
    pub(super) fn write(&self, style: &Style, seed: Option<Seed>) -> Vec<u8> {
        let seed = seed.map(|seed| seed.inode(self.ino, 0));
        match &self.shape {
            Shape::Linear { n_blocks } => {
                let mut entries = self.dots().to_vec();
                entries.extend(&self.entries);
                let mut bytes = leaf(&entries, style, seed);
                for _ in 1..*n_blocks {
                    bytes.extend(leaf(&[], style, seed));
                }
                bytes
            }
            Shape::Indexed(index) => {
                let mut bytes = index.write(self.dots(), seed);
                for range in index.leaves() {
                    bytes.extend(leaf(&self.entries[range], style, seed));
                }
                bytes
            }
        }
    }
}

/// A block of entries.
fn leaf(entries: &[Entry<'_>], style: &Style, seed: Option<Seed>) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_SIZE];
    let room = style.leaf_room();
    let mut at = 0;
    let entries = if entries.is_empty() {
        &[Entry::UNUSED]
    } else {
        entries
    };
    for (i, entry) in entries.iter().enumerate() {
        let is_last = i + 1 == entries.len();
        let len = if is_last { room - at } else { entry.len() };
        entry.write(&mut bytes[at..], len);
        at += len;
    }
    if let Some(seed) = seed {
        bytes[room..][..TAIL_MARK.len()].copy_from_slice(&TAIL_MARK);
        let sum = seed.over(&[&bytes[..room]]);
        TAIL_CHECKSUM.put(&mut bytes[room..], sum);
    }
    bytes
}
