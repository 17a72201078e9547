//! The blocks of the log: where they are, in a ring, and what the log's own begin with.

use super::ReadError;
use crate::disk::device::Device;
use std::ops::Range;

/// What every block of the log begins with that is no copy. A copy that begins so is escaped.
pub(super) const MAGIC: u32 = 0xc03b_3998;

pub(super) const DESCRIPTOR: u32 = 1;
pub(super) const COMMIT: u32 = 2;
pub(super) const SUPERBLOCK_V1: u32 = 3;
pub(super) const SUPERBLOCK_V2: u32 = 4;
pub(super) const REVOKE: u32 = 5;

/// Bytes of magic, kind and sequence number.
pub(super) const HEADER: usize = 12;

/// A big-endian number at byte `at`, which lies within `bytes`.
pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// A big-endian number at byte `at`, which lies within `bytes`.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from(be16(bytes, at)) << 16 | u32::from(be16(bytes, at + 2))
}

/// A big-endian number at byte `at`, which lies within `bytes`.
pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

/// What a block of the log is, and of which transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: u32,
    pub(super) transaction: u32,
}

impl Header {
    /// The header of `block`, if it has one.
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        (be32(block, 0) == MAGIC).then(|| Self {
            kind: be32(block, 4),
            transaction: be32(block, 8),
        })
    }
}

/// The journal as blocks, some of which are the ring of the log.
#[derive(Clone)]
pub(super) struct Log<'a> {
    device: &'a dyn Device,
    block_size: u32,
    ring: Range<u32>,
}

impl<'a> Log<'a> {
    /// The journal on `device`, in which `ring` is not empty.
    pub(super) fn new(device: &'a dyn Device, block_size: u32, ring: Range<u32>) -> Self {
        Self {
            device,
            block_size,
            ring,
        }
    }

    /// Block `block` of the journal.
    pub(super) fn read(&self, block: u32) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; self.block_size as usize];
        let at = u64::from(block) * u64::from(self.block_size);
        match self.device.read_at(at, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(source) => Err(ReadError::JournalIo { block, source }),
        }
    }

    /// The numbers of the ring's blocks from `start` on, each of them once.
    pub(super) fn lap(&self, start: u32) -> impl Iterator<Item = u32> + use<> {
        (start..self.ring.end).chain(self.ring.start..start)
    }
}
