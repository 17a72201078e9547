//! The tags of a descriptor block, which name the blocks of the filesystem that are copied behind
//! it.

use super::checksum::Checksums;
use super::superblock::Superblock;
use crate::fs::ext4::format::journal::{HEADER, be16, be32};

const FLAG_ESCAPE: u16 = 1;
const FLAG_SAME_UUID: u16 = 2;
const FLAG_LAST_TAG: u16 = 8;

/// One tag. The flag for deleted blocks, 4, was never written; as in the kernel it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The block of the filesystem.
    pub(super) block: u64,
    /// The checksum of the copy, where there are checksums of blocks.
    pub(super) checksum: u32,
    /// Whether the copy has zeros where the block has the journal's magic number.
    pub(super) escaped: bool,
}

/// The tags of `descriptor`, in the order of their copies.
pub(super) fn tags(descriptor: &[u8], superblock: &Superblock) -> Vec<Tag> {
    let (checksums, sixty_four_bit) = (&superblock.checksums, superblock.sixty_four_bit);
    let size = match (checksums, sixty_four_bit) {
        (Checksums::V3(_), _) => 16,
        // Version 2 added a field of two bytes and did not use it.
        (Checksums::V2(_), true) => 14,
        (Checksums::V2(_), false) => 10,
        (_, true) => 12,
        (_, false) => 8,
    };
    let end = descriptor.len() - checksums.tail();
    let mut tags = Vec::new();
    let mut rest = &descriptor[HEADER..end];
    while let Some((tag, behind)) = rest.split_at_checked(size) {
        let flags = be16(tag, 6);
        let high = if sixty_four_bit { be32(tag, 8) } else { 0 };
        tags.push(Tag {
            block: u64::from(high) << 32 | u64::from(be32(tag, 0)),
            checksum: match checksums {
                Checksums::V3(_) => be32(tag, 12),
                _ => be16(tag, 4).into(),
            },
            escaped: flags & FLAG_ESCAPE != 0,
        });
        let uuid = if flags & FLAG_SAME_UUID == 0 { 16 } else { 0 };
        rest = behind.get(uuid..).unwrap_or_default();
        if flags & FLAG_LAST_TAG != 0 {
            break;
        }
    }
    tags
}
