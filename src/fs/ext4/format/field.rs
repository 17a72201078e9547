//! Where a number stands in a record, and how it is read and written. All are little-endian, and
//! every caller has checked how many bytes there are.

use std::ops::Range;

/// A number of 16 bits that begins at this byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Le16(pub(crate) usize);

impl Le16 {
    /// The bytes of the number.
    pub(crate) fn bytes(self) -> Range<usize> {
        self.0..self.0 + 2
    }

    pub(crate) fn get(self, bytes: &[u8]) -> u16 {
        u16::from_le_bytes(array(&bytes[self.bytes()]))
    }

    pub(crate) fn put(self, bytes: &mut [u8], value: u16) {
        bytes[self.bytes()].copy_from_slice(&value.to_le_bytes());
    }
}

/// A number of 32 bits that begins at this byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Le32(pub(crate) usize);

impl Le32 {
    /// The bytes of the number.
    pub(crate) fn bytes(self) -> Range<usize> {
        self.0..self.0 + 4
    }

    pub(crate) fn get(self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(array(&bytes[self.bytes()]))
    }

    pub(crate) fn put(self, bytes: &mut [u8], value: u32) {
        bytes[self.bytes()].copy_from_slice(&value.to_le_bytes());
    }
}

/// A number that has outgrown its field: the bytes of its low part, and those of its high part.
pub(crate) struct Split(pub(crate) Range<usize>, pub(crate) Range<usize>);

impl Split {
    /// The number; only its low part where the filesystem does not use the high one.
    pub(crate) fn get(self, bytes: &[u8], has_high: bool) -> u64 {
        let number = |part: &[u8]| {
            part.iter()
                .rfold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let high = if has_high { number(&bytes[self.1]) } else { 0 };
        high << (8 * self.0.len()) | number(&bytes[self.0])
    }

    pub(crate) fn put(self, bytes: &mut [u8], value: impl Into<u64>) {
        let value = value.into().to_le_bytes();
        let (low, high) = value.split_at(self.0.len());
        let high_len = self.1.len();
        bytes[self.0].copy_from_slice(low);
        bytes[self.1].copy_from_slice(&high[..high_len]);
    }
}

/// The `N` bytes of `bytes`.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the field has N bytes")
}

/// The low 32 bits of a number.
pub(crate) fn low32(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).expect("32 bits are left")
}

/// The low 16 bits of a number.
pub(crate) fn low16(value: u32) -> u16 {
    u16::try_from(value & 0xffff).expect("16 bits are left")
}
