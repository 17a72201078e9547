//! A journal made by hand, block by block.

use super::*;
use crate::fs::ext4::read::error::{Corrupt, Unsupported};
use crate::fs::ext4::read::journal::checksum::TransactionSum;

pub(super) const BLOCK: usize = 1024;
pub(super) const N_BLOCKS: u64 = 1000;
pub(super) const SEQUENCE: u32 = 7;
pub(super) const UUID: [u8; 16] = *b"a journal's uuid";

pub(super) const CHECKSUM: (usize, u32) = (0x24, 1);
pub(super) const SIXTY_FOUR_BIT: (usize, u32) = (0x28, 0x2);
pub(super) const ASYNC: (usize, u32) = (0x28, 0x4);
pub(super) const CSUM_V2: (usize, u32) = (0x28, 0x8);
pub(super) const CSUM_V3: (usize, u32) = (0x28, 0x10);
pub(super) const FAST_COMMIT: (usize, u32) = (0x28, 0x20);

/// What `bytes` add to a CRC-32C that inverts nothing.
pub(super) fn crc(sum: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!sum, bytes)
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

/// A block of the filesystem full of `letter`.
pub(super) fn letters(letter: u8) -> Vec<u8> {
    vec![letter; BLOCK]
}

/// A journal under construction.
#[derive(Clone)]
pub(super) struct Journal {
    pub(super) bytes: Vec<u8>,
    pub(super) features: Vec<(usize, u32)>,
    pub(super) at: usize,
    pub(super) sequence: u32,
    pub(super) sum: TransactionSum,
}

impl Journal {
    /// An empty log from block 1 on, of `n_blocks` with the superblock.
    pub(super) fn new(n_blocks: usize, features: &[(usize, u32)]) -> Self {
        let mut bytes = vec![0; n_blocks * BLOCK];
        for (at, value) in [
            (0x00, 0xc03b_3998),
            (0x04, 4),
            (0x0c, BLOCK as u32),
            (0x10, n_blocks as u32),
            (0x14, 1),
            (0x18, SEQUENCE),
            (0x1c, 1),
        ] {
            put(&mut bytes, at, value);
        }
        bytes[0x30..0x40].copy_from_slice(&UUID);
        let mut journal = Self {
            bytes,
            features: features.to_vec(),
            at: 1,
            sequence: SEQUENCE,
            sum: TransactionSum::EMPTY,
        };
        for at in [0x24, 0x28] {
            let bits = features.iter().filter(|(word, _)| *word == at);
            let bits = bits.fold(0, |all, (_, bit)| all | bit);
            journal.set(at, bits);
        }
        journal
    }

    pub(super) fn has(&self, feature: (usize, u32)) -> bool {
        self.features.contains(&feature)
    }

    pub(super) fn sums_blocks(&self) -> bool {
        self.has(CSUM_V2) || self.has(CSUM_V3)
    }

    /// Sets a field of the superblock.
    pub(super) fn set(&mut self, at: usize, value: u32) -> &mut Self {
        put(&mut self.bytes, at, value);
        if self.sums_blocks() {
            self.bytes[0x50] = 4;
            put(&mut self.bytes, 0xfc, 0);
            let sum = crc(!0, &self.bytes[..1024]);
            put(&mut self.bytes, 0xfc, sum);
        }
        self
    }

    /// Begins the log at block `at`, with `sequence`.
    pub(super) fn from(mut self, at: u32, sequence: u32) -> Self {
        self.set(0x1c, at).set(0x18, sequence);
        (self.at, self.sequence) = (at as usize, sequence);
        self
    }

    pub(super) fn append(&mut self, block: &[u8]) {
        self.bytes[self.at * BLOCK..][..BLOCK].copy_from_slice(block);
        self.at += 1;
        if self.at * BLOCK == self.bytes.len() {
            self.at = 1;
        }
    }

    pub(super) fn header(&self, kind: u32) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        put(&mut block, 0, 0xc03b_3998);
        put(&mut block, 4, kind);
        put(&mut block, 8, self.sequence);
        block
    }

    pub(super) fn with_tail(&self, mut block: Vec<u8>) -> Vec<u8> {
        if self.sums_blocks() {
            let sum = crc(crc(!0, &UUID), &block);
            put(&mut block, BLOCK - 4, sum);
        }
        block
    }

    /// A descriptor and its copies, whose flags are given with them.
    pub(super) fn writes(&mut self, copies: &[(u64, Vec<u8>, u32)]) -> &mut Self {
        let mut descriptor = self.header(1);
        let mut at = 12;
        for (i, (block, bytes, flags)) in copies.iter().enumerate() {
            let mut flags = *flags;
            if i > 0 {
                flags |= 2;
            }
            if i + 1 == copies.len() {
                flags |= 8;
            }
            let sum = crc(crc(crc(!0, &UUID), &self.sequence.to_be_bytes()), bytes);
            put(&mut descriptor, at, *block as u32);
            put(&mut descriptor, at + 4, flags);
            let mut size = 8;
            if self.has(SIXTY_FOUR_BIT) || self.has(CSUM_V3) {
                put(&mut descriptor, at + 8, (block >> 32) as u32);
                size += 4;
            }
            if self.has(CSUM_V3) {
                put(&mut descriptor, at + 12, sum);
                size += 4;
            }
            if self.has(CSUM_V2) {
                descriptor[at + 4..at + 6].copy_from_slice(&(sum as u16).to_be_bytes());
                size += 2;
            }
            at += size + if i == 0 { 16 } else { 0 };
        }
        let descriptor = self.with_tail(descriptor);
        self.sum = self.sum.with(&descriptor);
        self.append(&descriptor);
        for (_, bytes, _) in copies {
            self.sum = self.sum.with(bytes);
            self.append(bytes);
        }
        self
    }

    pub(super) fn write(&mut self, block: u64, letter: u8) -> &mut Self {
        self.writes(&[(block, letters(letter), 0)])
    }

    pub(super) fn revoke(&mut self, blocks: &[u64]) -> &mut Self {
        let mut block = self.header(5);
        let wide = self.has(SIXTY_FOUR_BIT);
        let list: Vec<u8> = blocks
            .iter()
            .flat_map(|block| match wide {
                true => block.to_be_bytes().to_vec(),
                false => (*block as u32).to_be_bytes().to_vec(),
            })
            .collect();
        put(&mut block, 12, 16 + list.len() as u32);
        block[16..][..list.len()].copy_from_slice(&list);
        let block = self.with_tail(block);
        self.append(&block);
        self
    }

    /// Commits, at the second that is the transaction's number.
    pub(super) fn commit(&mut self) -> &mut Self {
        self.commit_at(self.sequence.into())
    }

    pub(super) fn commit_at(&mut self, seconds: u64) -> &mut Self {
        let mut block = self.header(2);
        block[48..56].copy_from_slice(&seconds.to_be_bytes());
        if self.has(CHECKSUM) {
            block[12..14].copy_from_slice(&[1, 4]);
            put(&mut block, 16, self.sum.value());
        }
        if self.sums_blocks() {
            let sum = crc(crc(!0, &UUID), &block);
            put(&mut block, 16, sum);
        }
        self.append(&block);
        self.sum = TransactionSum::EMPTY;
        self.sequence = self.sequence.wrapping_add(1);
        self
    }

    /// Inverts a byte of block `block`.
    pub(super) fn damage(&mut self, block: usize, byte: usize) -> &mut Self {
        self.bytes[block * BLOCK + byte] ^= 0xff;
        self
    }

    pub(super) fn replay(&self) -> Result<BTreeMap<u64, Arc<[u8]>>, ReadError> {
        replay(&self.bytes.as_slice(), BLOCK as u32, N_BLOCKS)
    }

    /// Block numbers and the last byte of each.
    pub(super) fn letters(&self) -> Vec<(u64, char)> {
        let blocks = self.replay().unwrap();
        let last = |bytes: &[u8]| char::from(bytes[BLOCK - 1]);
        blocks
            .iter()
            .map(|(block, bytes)| (*block, last(bytes)))
            .collect()
    }

    pub(super) fn fault(&self) -> JournalFault {
        match self.replay() {
            Err(ReadError::Corrupt(Corrupt::Replay(fault))) => fault,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn limit(&self) -> JournalLimit {
        match self.replay() {
            Err(ReadError::Unsupported(Unsupported::Replay(limit))) => limit,
            other => panic!("{other:?}"),
        }
    }
}
