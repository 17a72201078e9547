//! The entries of directories.

use super::sizes::BLOCK_SIZE;
use crate::fs::ext4::format::directory::{FILE_TYPE, INODE, NAME, NAME_LEN, REC_LEN, TAIL};

/// One name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) ino: u32,
    pub(super) file_type: u8,
}

impl Entry<'_> {
    /// An entry without a name, which takes room only.
    pub(super) const UNUSED: Self = Entry {
        name: b"",
        ino: 0,
        file_type: 0,
    };

    pub(super) fn len(&self) -> usize {
        (NAME + self.name.len()).next_multiple_of(4)
    }

    /// Writes the entry at the start of `room`; it takes `len` bytes.
    pub(super) fn write(&self, room: &mut [u8], len: usize) {
        INODE.put(room, self.ino);
        let len = u16::try_from(len).expect("an entry is within a block");
        REC_LEN.put(room, len);
        room[NAME_LEN] = u8::try_from(self.name.len()).expect("a name has at most 255 bytes");
        room[FILE_TYPE] = self.file_type;
        room[NAME..][..self.name.len()].copy_from_slice(self.name);
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
