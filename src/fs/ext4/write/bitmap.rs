//! Bitmaps: one block for each group, one bit for each block or inode, 1 where it is used.

use super::sizes::BLOCK_SIZE;
use std::ops::Range;

/// A bitmap of `n_bits` bits; the bits behind them are set, as e2fsck expects.
pub(super) struct Bitmap(Vec<u8>);

impl Bitmap {
    /// A bitmap with `used` set, and all from `n_bits` on.
    pub(super) fn new(n_bits: u64, used: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut bitmap = Self(vec![0; BLOCK_SIZE]);
        used.into_iter().for_each(|range| bitmap.set(range));
        bitmap.set(n_bits..8 * BLOCK_SIZE as u64);
        bitmap
    }

    /// How many of the first `n_bits` bits are 0. All behind them are 1.
    pub(super) fn n_free(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_zeros()).sum()
    }

    /// The block.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn set(&mut self, range: Range<u64>) {
        for bit in range {
            let byte = usize::try_from(bit / 8).expect("a block has 32768 bits");
            self.0[byte] |= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_behind_the_last_are_set() {
        let bitmap = Bitmap::new(12, [0..2, 5..6]);
        assert_eq!(bitmap.bytes()[..3], [0b0010_0011, 0xf0, 0xff]);
        assert_eq!(bitmap.n_free(), 9);
    }
}
