//! The checksums of a journal, of which there were three versions.
//!
//! Version 1 (`checksum`) is one CRC-32 over all descriptors and copies of a transaction, in its
//! commit block. Versions 2 and 3 are a CRC-32C in each block of the log and in each tag; 2 keeps
//! 16 bits of the latter, because of a mistake that 3 repairs.

use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::field::low16;
use crate::fs::ext4::format::journal::be32;

/// The parts of a log that have checksums.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checksums {
    /// No part.
    None,
    /// Transactions.
    V1,
    /// Blocks, with 16 bits for copies.
    V2(Seed),
    /// Blocks.
    V3(Seed),
}

impl Checksums {
    /// Bytes at the end of descriptors and revoke blocks that hold their checksum.
    pub(super) fn tail(&self) -> usize {
        self.seed().map_or(0, |_| 4)
    }

    /// Whether a descriptor or revoke block has the checksum that it says to have.
    pub(super) fn fit_tail(&self, block: &[u8]) -> bool {
        self.seed().is_none_or(|seed| {
            let tail = block.len() - 4;
            seed.over_without(block, &[tail..block.len()]) == be32(block, tail)
        })
    }

    /// Whether the copy of a block in `transaction` has the checksum of its tag.
    pub(super) fn fit_copy(&self, transaction: u32, copy: &[u8], checksum: u32) -> bool {
        let sum = |seed: &Seed| seed.over(&[&transaction.to_be_bytes(), copy]);
        match self {
            Self::None | Self::V1 => true,
            Self::V2(seed) => u32::from(low16(sum(seed))) == checksum,
            Self::V3(seed) => sum(seed) == checksum,
        }
    }

    /// The seed of the checksums of blocks, if there are any.
    pub(super) fn seed(&self) -> Option<Seed> {
        match self {
            Self::None | Self::V1 => None,
            Self::V2(seed) | Self::V3(seed) => Some(*seed),
        }
    }
}

/// The checksum of a transaction in version 1: a CRC-32 that takes the highest bit first and
/// inverts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransactionSum(u32);

impl TransactionSum {
    /// The checksum of no block.
    pub(super) const EMPTY: Self = Self(!0);

    /// The checksum with `block` added.
    pub(super) fn with(self, block: &[u8]) -> Self {
        Self(block.iter().fold(self.0, |sum, byte| {
            let [high, ..] = sum.to_be_bytes();
            (sum << 8) ^ TABLE[usize::from(high ^ byte)]
        }))
    }

    /// The number as it is stored.
    pub(super) fn value(self) -> u32 {
        self.0
    }
}

/// The checksum of each byte.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = sum >> 31;
            sum = (sum << 1) ^ (carry * POLYNOMIAL);
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32/MPEG-2, which is this one.
    #[test]
    fn the_transaction_sum_is_crc_32_with_the_highest_bit_first() {
        let sum = TransactionSum::EMPTY.with(b"1234").with(b"56789");
        assert_eq!(sum.value(), 0x0376_e6e7);
    }
}
