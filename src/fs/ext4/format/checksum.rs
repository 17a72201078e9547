//! Checksums of metadata: CRC-32C without the usual inversions, seeded by what the data belongs to.

use std::ops::Range;

/// The value at which the checksums of a filesystem, or of one inode, start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    /// The seed of what belongs to no filesystem, such as a superblock, which holds the UUID
    /// itself.
    pub(crate) const NONE: Self = Self(!0);

    /// The seed of the filesystem with `uuid`.
    pub(crate) fn filesystem(uuid: &[u8; 16]) -> Self {
        Self(Self::NONE.over(&[uuid]))
    }

    /// A seed that a superblock stores (`metadata_csum_seed`), or an earlier checksum to go on
    /// from.
    pub(crate) fn stored(seed: u32) -> Self {
        Self(seed)
    }

    /// The seed of inode `ino` and of its own blocks. imgbuild writes generation 0 only.
    pub(crate) fn inode(self, ino: u32, generation: u32) -> Self {
        Self(self.over(&[&ino.to_le_bytes(), &generation.to_le_bytes()]))
    }

    /// The checksum of `parts` in a row.
    pub(crate) fn over(self, parts: &[&[u8]]) -> u32 {
        // The crate inverts before and after; ext4 does neither.
        let append = |sum: u32, part: &&[u8]| !crc32c::crc32c_append(!sum, part);
        parts.iter().fold(self.0, append)
    }

    /// The checksum of `bytes`, in which the checksum's own `fields` count as zeros.
    pub(crate) fn over_without(self, bytes: &[u8], fields: &[Range<usize>]) -> u32 {
        let mut bytes = bytes.to_vec();
        for field in fields {
            bytes[field.clone()].fill(0);
        }
        self.over(&[&bytes])
    }
}
