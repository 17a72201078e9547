//! The blocks of the log, which form a ring, and the header of those that are not copies.

use super::ReadError;
use crate::disk::device::Device;
use crate::fs::ext4::format::journal::{H_BLOCKTYPE, H_MAGIC, H_SEQUENCE, MAGIC, be32};
use std::ops::Range;

/// The type of a block of the log, and its transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: u32,
    pub(super) transaction: u32,
}

impl Header {
    /// The header of `block`, if it has one.
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        (be32(block, H_MAGIC) == MAGIC).then(|| Self {
            kind: be32(block, H_BLOCKTYPE),
            transaction: be32(block, H_SEQUENCE),
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
