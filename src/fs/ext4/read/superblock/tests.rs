use super::*;
use crate::fs::ext4::format::superblock::{OS_HURD, SIZE};
use crate::fs::ext4::read::made::{
    METADATA_CSUM, N_BLOCKS, put16, put32, seal_superblock, superblock_bytes,
};

const LEN: u64 = 64 << 10;

fn refused(bytes: &[u8; SIZE], len: u64) -> String {
    Superblock::parse(bytes, len).unwrap_err().to_string()
}

/// A superblock with `value` at byte `at`.
fn with(at: usize, value: u32) -> [u8; SIZE] {
    let mut bytes = superblock_bytes(0, 0);
    put32(&mut bytes, at, value);
    bytes
}

#[test]
fn numbers_of_blocks_are_long_only_with_64bit() {
    const SIXTY_FOUR_BIT: u32 = 0x80;
    for (features, refusal) in [
        (0, None),
        (
            SIXTY_FOUR_BIT,
            Some("the filesystem has 4294967360 blocks of 1024 bytes"),
        ),
    ] {
        let mut bytes = superblock_bytes(features, 0);
        put32(&mut bytes, 0x150, 1);
        match (Superblock::parse(&bytes, LEN), refusal) {
            (Ok(read), None) => assert_eq!(read.n_blocks, N_BLOCKS as u64),
            (Err(error), Some(refusal)) => assert!(error.to_string().starts_with(refusal)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn fields_that_do_not_fit_together_are_refused() {
    for (at, value, refusal) in [
        (0x14, 0, "the superblock has s_first_data_block 0"),
        (0x20, 7, "the superblock has s_blocks_per_group 7"),
        (0x20, 8193, "the superblock has s_blocks_per_group 8193"),
        (0x20, 0, "the superblock has s_blocks_per_group 0"),
        (0x20, 32, "the superblock has s_inodes_count 16"),
        (0x28, 0, "the superblock has s_inodes_per_group 0"),
        (0x28, 8193, "the superblock has s_inodes_per_group 8193"),
        (0x00, 17, "the superblock has s_inodes_count 17"),
        (0x04, 1, "the superblock has s_blocks_count 1"),
        (0x54, 10, "the superblock has s_first_ino 10"),
        (0x58, 64, "the superblock has s_inode_size 64"),
        (0x58, 2048, "the superblock has s_inode_size 2048"),
        (0x58, 384, "the superblock has s_inode_size 384"),
        (0x18, 7, "the ext4 filesystem has blocks of 131072 bytes"),
        (0x18, u32::MAX, "the ext4 filesystem has blocks of 0 bytes"),
        (0x4c, 2, "the ext4 filesystem has revision 2"),
        (0x48, OS_HURD, "the ext4 filesystem was made for GNU/Hurd"),
        (
            0x60,
            0x2_0001,
            "the ext4 filesystem has the feature `compression`, `casefold`",
        ),
        (
            0x64,
            0x4000,
            "the ext4 filesystem has the feature `shared_blocks`",
        ),
    ] {
        let text = refused(&with(at, value), LEN);
        assert!(text.starts_with(refusal), "{text}");
    }
}

#[test]
fn descriptors_of_64_bit_numbers_are_64_bytes_or_more() {
    for size in [0, 32, 96, 2048] {
        let mut bytes = superblock_bytes(0x80, 0);
        put16(&mut bytes, 0xfe, size);
        let refusal = format!("the superblock has s_desc_size {size}: ");
        assert!(refused(&bytes, LEN).starts_with(&refusal));
    }
}

#[test]
fn a_device_that_is_too_short_is_refused() {
    assert!(Superblock::parse(&superblock_bytes(0, 0), LEN).is_ok());
    let text = refused(&superblock_bytes(0, 0), LEN - 1);
    assert!(
        text.ends_with("the device only 65535 bytes; is the image cut off?"),
        "{text}"
    );
}

#[test]
fn clusters_of_any_claimed_size_are_refused_or_read() {
    const BIGALLOC: u32 = 0x200;
    for log in 0..=u32::from(u8::MAX) {
        let mut bytes = superblock_bytes(0, BIGALLOC);
        put32(&mut bytes, 0x1c, log.wrapping_sub(3));
        let _ = Superblock::parse(&bytes, LEN);
    }
}

#[test]
fn the_superblock_has_the_right_checksum() {
    let mut bytes = superblock_bytes(0, METADATA_CSUM);
    assert!(Superblock::parse(&bytes, LEN).unwrap().seed.is_some());
    bytes[0x78] = b'x';
    assert!(refused(&bytes, LEN).starts_with("checksum of the superblock is "));
    bytes[0x175] = 2;
    seal_superblock(&mut bytes);
    assert!(refused(&bytes, LEN).starts_with("the superblock has s_checksum_type 2"));
}
