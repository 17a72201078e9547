//! Directories: entries in blocks, with an index above one block.
//!
//! ```text
//! entry   inode u32, length u16, name length u8, file type u8, name, zeros up to a multiple of 4
//! block   entry entry … the last entry takes the rest; with checksums an entry of 12 bytes
//!         without inode and name holds the one of the block
//! ```

use super::csum::Seed;
use super::htree::Index;
use super::spec::{BLOCK_SIZE, put16, put32};

/// Bytes of the checksum at the end of a block, dressed up as an unused entry.
const TAIL: usize = 12;
const TAIL_FILE_TYPE: u8 = 0xde;
pub(super) const FT_DIRECTORY: u8 = 2;

/// Blocks of a fresh `lost+found`: e2fsck uses it where it can no longer allocate.
const LOST_FOUND_BLOCKS: u64 = 4;

/// One name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) ino: u32,
    pub(super) file_type: u8,
}

impl Entry<'_> {
    pub(super) fn len(&self) -> usize {
        (8 + self.name.len()).next_multiple_of(4)
    }

    /// Writes the entry at the start of `room`; it takes `len` bytes.
    pub(super) fn write(&self, room: &mut [u8], len: usize) {
        put32(room, 0, self.ino);
        put16(
            room,
            4,
            u16::try_from(len).expect("an entry is within a block"),
        );
        room[6] = u8::try_from(self.name.len()).expect("a name has at most 255 bytes");
        room[7] = self.file_type;
        room[8..][..self.name.len()].copy_from_slice(self.name);
    }
}

/// The filesystem's settings that shape directories and bound files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) checksums: bool,
    pub(super) hash_seed: [u8; 16],
    pub(super) huge_files: bool,
}

impl Style {
    /// Bytes for entries in a leaf block.
    pub(super) fn leaf_room(&self) -> usize {
        BLOCK_SIZE - if self.checksums { TAIL } else { 0 }
    }
}

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
    /// Decides the shape; nothing where there are more entries than an index of two levels holds.
    pub(super) fn new(
        ino: u32,
        parent: u32,
        mut entries: Vec<Entry<'a>>,
        style: &Style,
    ) -> Option<Self> {
        let dots = 2 * 12;
        let len: usize = dots + entries.iter().map(Entry::len).sum::<usize>();
        let shape = if len <= style.leaf_room() {
            let is_lost_found = ino == super::spec::FIRST_INO;
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

    /// Whether its inode has to say that there is an index.
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
        let seed = seed.map(|seed| seed.inode(self.ino));
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
                let mut bytes = index.write(self, seed);
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
    let unused = [Entry {
        name: b"",
        ino: 0,
        file_type: 0,
    }];
    let entries = if entries.is_empty() { &unused } else { entries };
    for (i, entry) in entries.iter().enumerate() {
        let is_last = i + 1 == entries.len();
        let len = if is_last { room - at } else { entry.len() };
        entry.write(&mut bytes[at..], len);
        at += len;
    }
    if let Some(seed) = seed {
        put16(&mut bytes, room + 4, 12);
        bytes[room + 7] = TAIL_FILE_TYPE;
        let sum = seed.over(&[&bytes[..room]]);
        put32(&mut bytes, room + 8, sum);
    }
    bytes
}
