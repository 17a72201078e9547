use super::*;
use crate::fs::ext4::read::made::{self, METADATA_CSUM, put16, put32};

fn parse(bytes: &[u8]) -> Result<Inode, ReadError> {
    Inode::parse(12, bytes, &made::superblock(0, 0))
}

fn refused(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

/// A regular file of which the inode has all fields.
fn bytes() -> [u8; 256] {
    let mut bytes = [0; 256];
    put16(&mut bytes, 0x00, S_IFREG | 0o644);
    put16(&mut bytes, 0x80, 32);
    bytes
}

#[test]
fn owners_sizes_and_devices_have_upper_halves() {
    let mut bytes = bytes();
    for (at, value) in [(0x02, 1), (0x78, 2), (0x18, 3), (0x7a, 4)] {
        put16(&mut bytes, at, value);
    }
    put32(&mut bytes, 0x04, 5);
    put32(&mut bytes, 0x6c, 6);
    put32(&mut bytes, 0x28 + 4, 0x1231_0345);
    let inode = parse(&bytes).unwrap();
    assert_eq!((inode.uid, inode.gid), (0x2_0001, 0x4_0003));
    assert_eq!(inode.size, 0x6_0000_0005);
    assert_eq!(inode.device(), (0x103, 0x1_2345));
    // Where directories are short, there was once an ACL.
    put16(&mut bytes, 0x00, 0o040_755);
    assert_eq!(parse(&bytes).unwrap().size, 5);
}

#[test]
fn times_have_two_more_bits_where_the_inode_has_the_field() {
    let mut bytes = bytes();
    put32(&mut bytes, 0x10, (-1_i32).cast_unsigned());
    put32(&mut bytes, 0x88, 999_999_999 << 2 | 1);
    let time = |seconds, nanoseconds| Timestamp {
        seconds,
        nanoseconds,
    };
    assert_eq!(parse(&bytes).unwrap().mtime, time(0xffff_ffff, 999_999_999));
    for short in [0, 8] {
        put16(&mut bytes, 0x80, short);
        assert_eq!(parse(&bytes).unwrap().mtime, time(-1, 0));
    }
    assert_eq!(parse(&bytes[..128]).unwrap().mtime, time(-1, 0));
}

#[test]
fn fields_that_cannot_be_are_refused() {
    let mut late = bytes();
    put32(&mut late, 0x88, 1_000_000_000 << 2);
    assert_eq!(
        refused(&late),
        "inode 12 has i_mtime_extra 4000000000: expected fewer than 10^9 nanoseconds"
    );
    for extra in [31, 132, u16::MAX] {
        let mut long = bytes();
        put16(&mut long, 0x80, extra);
        let refusal = format!(
            "inode 12 has i_extra_isize {extra}: expected a multiple of 4, within the inode"
        );
        assert_eq!(refused(&long), refusal);
    }
}

#[test]
fn files_that_a_copy_would_break_are_refused() {
    for (flag, refusal) in [
        (EXT4_ENCRYPT_FL, "inode 12 is encrypted"),
        (EXT4_VERITY_FL, "inode 12 is sealed by fs-verity"),
    ] {
        let mut bytes = bytes();
        put32(&mut bytes, 0x20, flag);
        assert!(refused(&bytes).starts_with(refusal));
    }
}

#[test]
fn inodes_have_the_right_checksum_over_all_but_itself() {
    let superblock = made::superblock(0, METADATA_CSUM);
    let seed = superblock.seed.unwrap().inode(12, 0);
    for (extra, mask) in [(32, u32::MAX), (0, 0xffff)] {
        let mut bytes = bytes();
        put16(&mut bytes, 0x80, extra);
        let sum = seed.over(&[&bytes]) & mask;
        put16(&mut bytes, 0x7c, sum as u16);
        if extra > 0 {
            put16(&mut bytes, 0x82, (sum >> 16) as u16);
        }
        assert!(Inode::parse(12, &bytes, &superblock).is_ok(), "{extra}");
        for at in [0x00, 0x7c, 0x90, 0xff] {
            let mut wrong = bytes;
            wrong[at] ^= 1;
            let read = Inode::parse(12, &wrong, &superblock);
            let read = read.unwrap_err().to_string();
            assert!(read.starts_with("checksum of inode 12 is "), "{read}");
        }
    }
}
