//! A device on which the journal replaces blocks.

use super::error::ReadError;
use crate::disk::device::Device;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// A device of which some blocks are replaced.
pub(super) struct Patched<'a> {
    device: &'a dyn Device,
    block_size: u64,
    /// Content by block number, each as long as a block.
    blocks: BTreeMap<u64, Arc<[u8]>>,
}

impl<'a> Patched<'a> {
    /// `device`, with `blocks` of `block_size` bytes in place of its own.
    pub(super) fn new(
        device: &'a dyn Device,
        block_size: u32,
        blocks: BTreeMap<u64, Arc<[u8]>>,
    ) -> Self {
        Self {
            device,
            block_size: u64::from(block_size),
            blocks,
        }
    }

    /// `len` bytes at `offset`.
    pub(super) fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; len];
        let read = self.read_at(offset, &mut bytes);
        read.map_err(|source| ReadError::Io {
            offset,
            len,
            source,
        })?;
        Ok(bytes)
    }

    /// The replaced ones among the blocks from `first` to before `end`.
    pub(super) fn replaced(&self, first: u64, end: u64) -> impl Iterator<Item = (u64, &Arc<[u8]>)> {
        self.blocks
            .range(first..end)
            .map(|(block, bytes)| (*block, bytes))
    }
}

impl Device for Patched<'_> {
    fn len(&self) -> u64 {
        self.device.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        let end = end
            .filter(|end| *end <= self.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.device.read_at(offset, into)?;
        for (block, bytes) in self.replaced(offset / self.block_size, end.div_ceil(self.block_size))
        {
            let start = block * self.block_size;
            let (from, to) = (start.max(offset), (start + self.block_size).min(end));
            let index = |at: u64, base: u64| usize::try_from(at - base).expect("it is in memory");
            into[index(from, offset)..index(to, offset)]
                .copy_from_slice(&bytes[index(from, start)..index(to, start)]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_blocks_hide_the_device_wherever_a_read_begins() {
        let device = *b"aaaabbbbccccdddd";
        let device = device.as_slice();
        let blocks = BTreeMap::from([(1, Arc::from(*b"1234")), (3, Arc::from(*b"5678"))]);
        let patched = Patched::new(&device, 4, blocks);
        let whole = b"aaaa1234cccc5678";
        for start in 0..whole.len() {
            for end in start..=whole.len() {
                let read = patched.read(start as u64, end - start).unwrap();
                assert_eq!(read, whole[start..end]);
            }
        }
        assert!(matches!(
            patched.read(9, 8),
            Err(ReadError::Io {
                offset: 9,
                len: 8,
                ..
            })
        ));
        assert!(patched.read(u64::MAX, 1).is_err());
    }
}
