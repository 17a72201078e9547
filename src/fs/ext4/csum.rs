//! Checksums of metadata: CRC-32C without the usual inversions, seeded by what the data belongs to.

use super::spec::put16;

/// From where the checksums of a filesystem, or of one inode, go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed(u32);

impl Seed {
    /// Of the filesystem with `uuid`.
    pub(super) fn filesystem(uuid: &[u8; 16]) -> Self {
        Self(crc(!0, uuid))
    }

    /// As the superblock says it, where it is no longer that of the UUID.
    pub(super) fn stored(seed: u32) -> Self {
        Self(seed)
    }

    /// Of an inode's own blocks, and of the inode itself. Every generation that we write is 0.
    pub(super) fn inode(self, ino: u32) -> Self {
        self.generation(ino, 0)
    }

    /// Of an inode that had other uses before.
    pub(super) fn generation(self, ino: u32, generation: u32) -> Self {
        Self(self.over(&[&ino.to_le_bytes(), &generation.to_le_bytes()]))
    }

    /// The checksum of `parts` in a row.
    pub(super) fn over(self, parts: &[&[u8]]) -> u32 {
        parts.iter().fold(self.0, |sum, part| crc(sum, part))
    }
}

/// The checksum of a superblock, which has no seed: it holds the UUID.
pub(super) fn superblock(bytes: &[u8]) -> u32 {
    crc(!0, bytes)
}

/// Sets the checksum of group descriptor `group`.
pub(super) fn set_descriptor(seed: Seed, group: u32, descriptor: &mut [u8]) {
    put16(descriptor, 0x1e, 0);
    let sum = seed.over(&[&group.to_le_bytes(), descriptor]);
    put16(descriptor, 0x1e, super::spec::low16(sum));
}

/// CRC-16 (ANSI, reflected), which stands in descriptors without CRC-32C.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0xa001 } else { 0 }
        })
    })
}

fn crc(seed: u32, bytes: &[u8]) -> u32 {
    // The crate inverts before and after; ext4 does neither.
    !crc32c::crc32c_append(!seed, bytes)
}
