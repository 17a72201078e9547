//! The fields of a group descriptor, which has 32 bytes, or 64 with the feature `64bit`.

use super::checksum::Seed;
use super::field::{Le16, Split, low16};

pub(crate) const BG_BLOCK_BITMAP: Split = Split(0x00..0x04, 0x20..0x24);
pub(crate) const BG_INODE_BITMAP: Split = Split(0x04..0x08, 0x24..0x28);
pub(crate) const BG_INODE_TABLE: Split = Split(0x08..0x0c, 0x28..0x2c);
pub(crate) const BG_FREE_BLOCKS_COUNT: Split = Split(0x0c..0x0e, 0x2c..0x2e);
pub(crate) const BG_FREE_INODES_COUNT: Split = Split(0x0e..0x10, 0x2e..0x30);
pub(crate) const BG_USED_DIRS_COUNT: Split = Split(0x10..0x12, 0x30..0x32);
pub(crate) const BG_FLAGS: Le16 = Le16(0x12);
pub(crate) const BG_BLOCK_BITMAP_CSUM: Split = Split(0x18..0x1a, 0x38..0x3a);
pub(crate) const BG_INODE_BITMAP_CSUM: Split = Split(0x1a..0x1c, 0x3a..0x3c);
pub(crate) const BG_ITABLE_UNUSED: Split = Split(0x1c..0x1e, 0x32..0x34);
pub(crate) const BG_CHECKSUM: Le16 = Le16(0x1e);

/// Flag: no inode of the group is used and its bitmap was never written.
pub(crate) const BG_INODE_UNINIT: u16 = 0x1;
/// Flag: only the group's own metadata is used and its bitmap of blocks was never written.
pub(crate) const BG_BLOCK_UNINIT: u16 = 0x2;
/// Flag: the unused part of the inode table is zeros.
pub(crate) const BG_INODE_ZEROED: u16 = 0x4;

/// The checksum of the descriptor of group `group`, where all metadata has checksums.
pub(crate) fn checksum(seed: Seed, group: u32, descriptor: &[u8]) -> u16 {
    let seed = Seed::stored(seed.over(&[&group.to_le_bytes()]));
    low16(seed.over_without(descriptor, &[BG_CHECKSUM.bytes()]))
}

/// The checksum with the older feature `uninit_bg`: a CRC-16 (ANSI, reflected).
pub(crate) fn old_checksum(uuid: &[u8; 16], group: u32, descriptor: &[u8]) -> u16 {
    let field = BG_CHECKSUM.bytes();
    let (before, behind) = (&descriptor[..field.start], &descriptor[field.end..]);
    let bytes = [uuid.as_slice(), &group.to_le_bytes(), before, behind].concat();
    bytes.into_iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(byte), |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0xa001 } else { 0 }
        })
    })
}
