//! The fields of an inode, its flags, and how times and device numbers are stored.

use super::checksum::Seed;
use super::field::{Le16, Le32, Split, low32};
use crate::epoch::Timestamp;
use std::ops::Range;

pub(crate) const I_MODE: Le16 = Le16(0x00);
pub(crate) const I_UID: Split = Split(0x02..0x04, 0x78..0x7a);
pub(crate) const I_SIZE: Split = Split(0x04..0x08, 0x6c..0x70);
pub(crate) const I_ATIME: Le32 = Le32(0x08);
pub(crate) const I_CTIME: Le32 = Le32(0x0c);
pub(crate) const I_MTIME: Le32 = Le32(0x10);
pub(crate) const I_GID: Split = Split(0x18..0x1a, 0x7a..0x7c);
pub(crate) const I_LINKS_COUNT: Le16 = Le16(0x1a);
pub(crate) const I_BLOCKS: Split = Split(0x1c..0x20, 0x74..0x76);
pub(crate) const I_FLAGS: Le32 = Le32(0x20);
/// The root of the extents, a short symlink or a device number.
pub(crate) const I_BLOCK: Range<usize> = 0x28..0x64;
pub(crate) const I_GENERATION: Le32 = Le32(0x64);
pub(crate) const I_FILE_ACL: Split = Split(0x68..0x6c, 0x76..0x78);
pub(crate) const I_CHECKSUM: Split = Split(0x7c..0x7e, 0x82..0x84);
pub(crate) const I_EXTRA_ISIZE: Le16 = Le16(0x80);
pub(crate) const I_CTIME_EXTRA: Le32 = Le32(0x84);
pub(crate) const I_MTIME_EXTRA: Le32 = Le32(0x88);
pub(crate) const I_ATIME_EXTRA: Le32 = Le32(0x8c);
pub(crate) const I_CRTIME: Le32 = Le32(0x90);
pub(crate) const I_CRTIME_EXTRA: Le32 = Le32(0x94);

/// Bytes that every inode has; later fields come behind them.
pub(crate) const OLD_SIZE: usize = 128;
/// Bytes of `i_block`.
pub(crate) const I_BLOCK_LEN: usize = I_BLOCK.end - I_BLOCK.start;

/// The root directory.
pub(crate) const ROOT_INO: u32 = 2;
/// The inode that owns the blocks into which the group descriptors may grow.
pub(crate) const RESIZE_INO: u32 = 7;
/// The journal.
pub(crate) const JOURNAL_INO: u32 = 8;
/// The first inode that is not reserved; `lost+found` by convention.
pub(crate) const FIRST_INO: u32 = 11;

/// Links to one inode; a directory with more has a link count of 1 (`dir_nlink`).
pub(crate) const LINK_MAX: u32 = 65_000;

/// The part of `i_mode` that is the file type.
pub(crate) const S_IFMT: u16 = 0o170_000;
pub(crate) const S_IFIFO: u16 = 0o010_000;
pub(crate) const S_IFCHR: u16 = 0o020_000;
pub(crate) const S_IFDIR: u16 = 0o040_000;
pub(crate) const S_IFBLK: u16 = 0o060_000;
pub(crate) const S_IFREG: u16 = 0o100_000;
pub(crate) const S_IFLNK: u16 = 0o120_000;
pub(crate) const S_IFSOCK: u16 = 0o140_000;

pub(crate) const EXT4_ENCRYPT_FL: u32 = 0x800;
pub(crate) const EXT4_INDEX_FL: u32 = 0x1000;
pub(crate) const EXT4_HUGE_FILE_FL: u32 = 0x4_0000;
pub(crate) const EXT4_EXTENTS_FL: u32 = 0x8_0000;
pub(crate) const EXT4_VERITY_FL: u32 = 0x10_0000;
pub(crate) const EXT4_EA_INODE_FL: u32 = 0x20_0000;
pub(crate) const EXT4_INLINE_DATA_FL: u32 = 0x1000_0000;

/// The checksum of `inode`, whose seed this is: 32 bits, or 16 where there is no room for the high
/// part.
pub(crate) fn checksum(seed: Seed, inode: &[u8], has_high: bool) -> u32 {
    match has_high {
        true => seed.over_without(inode, &[I_CHECKSUM.0, I_CHECKSUM.1]),
        false => seed.over_without(inode, &[I_CHECKSUM.0]) & 0xffff,
    }
}

/// Returns the two fields of a time: the low 32 bits of the seconds; and nanoseconds above two more
/// bits of the seconds. The range is 1901 to 2310; a time outside becomes the nearest one, as in
/// the kernel. ext4 goes on to 2446, but e2fsck takes 2310 to 2378 for times before 1970 that old
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

/// Returns the seconds of a time with these fields.
pub(crate) fn seconds(low: u32, extra: u32) -> i64 {
    i64::from(low.cast_signed()) + (i64::from(extra & 3) << 32)
}

/// Returns a device number as the kernel stores it: in the old form if 8 bits suffice for both
/// parts. `None` if Linux has no such number.
pub(crate) fn device_field(major: u32, minor: u32) -> Option<[u8; I_BLOCK_LEN]> {
    if major > 0xfff || minor > 0xf_ffff {
        return None;
    }
    let mut i_block = [0; I_BLOCK_LEN];
    if major <= 0xff && minor <= 0xff {
        Le32(0).put(&mut i_block, major << 8 | minor);
    } else {
        Le32(4).put(
            &mut i_block,
            minor & 0xff | major << 8 | (minor & !0xff) << 12,
        );
    }
    Some(i_block)
}

/// Major and minor number of a device, in the old or the new form.
pub(crate) fn device(i_block: &[u8; I_BLOCK_LEN]) -> (u32, u32) {
    let (old, new) = (Le32(0).get(i_block), Le32(4).get(i_block));
    match old {
        0 => (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xf_ff00),
        _ => (old >> 8 & 0xff, old & 0xff),
    }
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
