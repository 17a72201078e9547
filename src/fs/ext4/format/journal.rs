//! The journal: its superblock, and what every block of the log begins with. Numbers are
//! big-endian.

use super::field::array;

/// The value of `h_magic`, with which every block of the log begins that is not a copy. A copy that
/// begins so too is escaped.
pub(crate) const MAGIC: u32 = 0xc03b_3998;

pub(crate) const H_MAGIC: usize = 0x00;
pub(crate) const H_BLOCKTYPE: usize = 0x04;
pub(crate) const H_SEQUENCE: usize = 0x08;
/// Bytes of the three fields above.
pub(crate) const HEADER: usize = 12;

pub(crate) const DESCRIPTOR: u32 = 1;
pub(crate) const COMMIT: u32 = 2;
pub(crate) const SUPERBLOCK_V1: u32 = 3;
pub(crate) const SUPERBLOCK_V2: u32 = 4;
pub(crate) const REVOKE: u32 = 5;

pub(crate) const S_BLOCKSIZE: usize = 0x0c;
pub(crate) const S_MAXLEN: usize = 0x10;
pub(crate) const S_FIRST: usize = 0x14;
pub(crate) const S_SEQUENCE: usize = 0x18;
pub(crate) const S_START: usize = 0x1c;
pub(crate) const S_FEATURE_COMPAT: usize = 0x24;
pub(crate) const S_FEATURE_INCOMPAT: usize = 0x28;
pub(crate) const S_FEATURE_RO_COMPAT: usize = 0x2c;
pub(crate) const S_UUID: std::ops::Range<usize> = 0x30..0x40;
pub(crate) const S_NR_USERS: usize = 0x40;
pub(crate) const S_CHECKSUM_TYPE: usize = 0x50;
pub(crate) const S_NUM_FC_BLKS: usize = 0x54;
pub(crate) const S_CHECKSUM: usize = 0xfc;

/// The number of 16 bits at byte `at`.
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(&bytes[at..at + 2]))
}

/// The number of 32 bits at byte `at`.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(&bytes[at..at + 4]))
}

/// The number of 64 bits at byte `at`.
pub(crate) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(&bytes[at..at + 8]))
}
