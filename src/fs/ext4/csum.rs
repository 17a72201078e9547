//! Checksums of metadata: CRC-32C without the usual inversions, seeded by what the data belongs to.

use super::spec::put16;

/// From where the checksums of a filesystem, or of one inode, go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u32);

impl Seed {
    /// Of the filesystem with `uuid`.
    pub(super) fn filesystem(uuid: &[u8; 16]) -> Self {
        Self(crc(!0, uuid))
    }

    /// Of an inode's own blocks, and of the inode itself. Every generation is 0.
    pub(super) fn inode(self, ino: u32) -> Self {
        Self(self.over(&[&ino.to_le_bytes(), &[0; 4]]))
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

fn crc(seed: u32, bytes: &[u8]) -> u32 {
    // The crate inverts before and after; ext4 does neither.
    !crc32c::crc32c_append(!seed, bytes)
}
