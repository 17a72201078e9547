//! Numbers of the on-disk format, and how its integers and times are stored.
//!
//! Names and values are those of the kernel's `Documentation/filesystems/ext4/` and
//! `fs/ext4/ext4.h`, so that they can be searched for. Everything is little-endian but the journal.

use crate::epoch::Timestamp;

/// Bytes in a block. Other block sizes exist; this writer has one, the one of every default.
pub(crate) const BLOCK_SIZE: usize = 4096;
/// The same, for arithmetic on lengths.
pub(crate) const BLOCK_BYTES: u64 = 4096;
/// Blocks in a group: as many as one bitmap block has bits.
pub(crate) const BLOCKS_PER_GROUP: u64 = 32_768;
/// The most inodes of a group: one bitmap block again.
pub(crate) const MAX_INODES_PER_GROUP: u32 = 32_768;
/// Bytes of an inode: 128 old, 32 of later fields, 96 for extended attributes.
pub(crate) const INODE_SIZE: usize = 256;
/// Inodes in a block of the inode table.
pub(crate) const INODES_PER_BLOCK: u32 = 16;
/// Bytes of the fields behind the first 128 of an inode: all that Linux knows (`i_projid` is last).
pub(crate) const EXTRA_ISIZE: u16 = 32;

/// The root directory.
pub(crate) const ROOT_INO: u32 = 2;
/// Owner of the blocks into which the group descriptors may grow.
pub(crate) const RESIZE_INO: u32 = 7;
/// The journal.
pub(crate) const JOURNAL_INO: u32 = 8;
/// The first inode that is not reserved; `lost+found` by convention.
pub(crate) const FIRST_INO: u32 = 11;

/// Links to one inode; a directory with more has a link count of 1 (`dir_nlink`).
pub(crate) const LINK_MAX: u32 = 65_000;

pub(crate) const S_IFIFO: u16 = 0o010_000;
pub(crate) const S_IFCHR: u16 = 0o020_000;
pub(crate) const S_IFDIR: u16 = 0o040_000;
pub(crate) const S_IFBLK: u16 = 0o060_000;
pub(crate) const S_IFREG: u16 = 0o100_000;
pub(crate) const S_IFLNK: u16 = 0o120_000;
pub(crate) const S_IFSOCK: u16 = 0o140_000;

pub(crate) const EXT4_INDEX_FL: u32 = 0x1000;
pub(crate) const EXT4_EXTENTS_FL: u32 = 0x8_0000;

pub(crate) const COMPAT_HAS_JOURNAL: u32 = 0x4;
pub(crate) const COMPAT_EXT_ATTR: u32 = 0x8;
pub(crate) const COMPAT_RESIZE_INODE: u32 = 0x10;
pub(crate) const COMPAT_DIR_INDEX: u32 = 0x20;
pub(crate) const INCOMPAT_FILETYPE: u32 = 0x2;
pub(crate) const INCOMPAT_EXTENTS: u32 = 0x40;
pub(crate) const INCOMPAT_64BIT: u32 = 0x80;
pub(crate) const INCOMPAT_FLEX_BG: u32 = 0x200;
pub(crate) const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
pub(crate) const RO_COMPAT_LARGE_FILE: u32 = 0x2;
pub(crate) const RO_COMPAT_HUGE_FILE: u32 = 0x8;
pub(crate) const RO_COMPAT_DIR_NLINK: u32 = 0x20;
pub(crate) const RO_COMPAT_EXTRA_ISIZE: u32 = 0x40;
pub(crate) const RO_COMPAT_METADATA_CSUM: u32 = 0x400;

/// No inode of the group is used and its bitmap was never written.
pub(crate) const BG_INODE_UNINIT: u16 = 0x1;
/// No block but the group's own metadata is used and its bitmap was never written.
pub(crate) const BG_BLOCK_UNINIT: u16 = 0x2;
/// What is not used of the inode table is zeros.
pub(crate) const BG_INODE_ZEROED: u16 = 0x4;

/// The half-MD4 hash of directory indices; that names are hashed as unsigned bytes stands in
/// the superblock.
pub(crate) const DX_HASH_HALF_MD4: u8 = 1;
pub(crate) const FLAGS_UNSIGNED_HASH: u32 = 0x2;

/// `user_xattr` and `acl`.
pub(crate) const DEFAULT_MOUNT_OPTIONS: u32 = 0x4 | 0x8;

/// Stores `value` at byte `at`.
pub(crate) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Stores `value` at byte `at`.
pub(crate) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Stores the journal's kind of integer, big-endian, at byte `at`.
pub(crate) fn put32_be(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

/// The low half of a number that is stored in two.
pub(crate) fn low32(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).expect("32 bits are left")
}

/// The high half.
pub(crate) fn high32(value: u64) -> u32 {
    low32(value >> 32)
}

/// The low half of a number that is stored in two.
pub(crate) fn low16(value: u32) -> u16 {
    u16::try_from(value & 0xffff).expect("16 bits are left")
}

/// The high half.
pub(crate) fn high16(value: u32) -> u16 {
    low16(value >> 16)
}

/// How many blocks `bytes` bytes take.
pub(crate) fn blocks_of(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES)
}

/// A time as its two fields: the low 32 bits of the seconds; and nanoseconds above two more bits
/// of the seconds. The range is 1901 to 2310; like the kernel, the nearest time is taken for one
/// outside. ext4 goes on to 2446, but e2fsck takes 2310 to 2378 for times before 1970 that old
/// kernels wrote wrongly, and offers to change them.
pub(crate) fn time_fields(time: Timestamp) -> (u32, u32) {
    const FIRST: i64 = -(1 << 31);
    const LAST: i64 = (3 << 32) - (1 << 31) - 1;
    let seconds = time.seconds.clamp(FIRST, LAST);
    // Bits 32 and 33 count how often the signed 32-bit seconds overflowed.
    let overflows = low32(u64::try_from((seconds - FIRST) >> 32).expect("not before FIRST"));
    let low = low32(seconds.cast_unsigned());
    (low, time.nanoseconds << 2 | overflows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_follow_the_kernels_table_of_epoch_bits() {
        // Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps".
        for (seconds, low, extra) in [
            (-1, 0xffff_ffff, 0),
            (-0x8000_0000, 0x8000_0000, 0),
            (0, 0, 0),
            (0x7fff_ffff, 0x7fff_ffff, 0),
            (0x8000_0000, 0x8000_0000, 1),
            (0xffff_ffff, 0xffff_ffff, 1),
            (0x1_0000_0000, 0, 1),
            (0x2_7fff_ffff, 0x7fff_ffff, 2),
            (i64::MAX, 0x7fff_ffff, 2),
            (i64::MIN, 0x8000_0000, 0),
        ] {
            let time = Timestamp {
                seconds,
                nanoseconds: 0,
            };
            assert_eq!(time_fields(time), (low, extra), "{seconds}");
        }
    }
}
