//! A filesystem of one group for unit tests, made byte by byte: 64 blocks of 1 KiB, the first of
//! which is block 1, and 16 inodes of 256 bytes.

use super::claims::Claims;
use super::error::ReadError;
use super::extent::Run;
use super::file;
use super::filesystem::{Changed, Filesystem};
use super::group::Group;
use super::inode::Inode;
use super::patched::Patched;
use super::superblock::{JournalBackup, Superblock};
use crate::fs::ext4::format::extent::MAGIC;
use crate::fs::ext4::format::field::{Le16, Le32};
use crate::fs::ext4::format::superblock;

pub(super) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    Le16(at).put(bytes, value);
}

pub(super) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    Le32(at).put(bytes, value);
}

pub(super) const BLOCK: usize = 1024;
pub(super) const N_BLOCKS: usize = 64;
pub(super) const N_INODES: u32 = 16;

/// Features, as in `s_feature_incompat` and `s_feature_ro_compat`.
pub(super) const FILETYPE: u32 = 0x2;
pub(super) const EA_INODE: u32 = 0x400;
pub(super) const METADATA_CSUM: u32 = 0x400;

/// The block with the inode table.
const INODE_TABLE: usize = 5;

/// A superblock with these features and the right checksum.
pub(super) fn superblock_bytes(incompat: u32, ro_compat: u32) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    for (at, value) in [
        (0x00, N_INODES),
        (0x04, N_BLOCKS as u32),
        (0x14, 1),
        (0x20, 8192),
        (0x28, N_INODES),
        (0x4c, 1),
        (0x54, 11),
        (0x60, incompat),
        (0x64, ro_compat),
    ] {
        put32(&mut bytes, at, value);
    }
    for (at, value) in [
        (0x38, 0xef53),
        (0x3a, 1),
        (0x58, 256),
        (0xfe, 64),
        (0x175, 1),
    ] {
        put16(&mut bytes, at, value);
    }
    seal_superblock(&mut bytes);
    bytes
}

/// Sets the checksum.
pub(super) fn seal_superblock(bytes: &mut [u8; BLOCK]) {
    let sum = superblock::checksum(bytes);
    put32(bytes, 0x3fc, sum);
}

pub(super) fn superblock(incompat: u32, ro_compat: u32) -> Superblock {
    Superblock::parse(&superblock_bytes(incompat, ro_compat), LEN).unwrap()
}

const LEN: u64 = (N_BLOCKS * BLOCK) as u64;

/// All blocks, empty.
pub(super) fn blocks() -> Vec<u8> {
    vec![0; N_BLOCKS * BLOCK]
}

/// Block `number` of `blocks`.
pub(super) fn block(blocks: &mut [u8], number: usize) -> &mut [u8] {
    &mut blocks[number * BLOCK..][..BLOCK]
}

/// The bytes of inode `ino` in `blocks`.
pub(super) fn inode_bytes(blocks: &mut [u8], ino: usize) -> &mut [u8] {
    &mut blocks[INODE_TABLE * BLOCK + (ino - 1) * 256..][..256]
}

/// A regular file with content where `i_block` says.
pub(super) fn file(i_block: [u8; 60], size: u64, superblock: &Superblock) -> Inode {
    Inode::of_journal(12, &JournalBackup { i_block, size }, superblock)
}

/// The runs of a file with this `i_block`.
pub(super) fn runs(
    i_block: [u8; 60],
    blocks: &[u8],
    superblock: &Superblock,
) -> Result<Vec<Run>, ReadError> {
    let device = Patched::new(&blocks, BLOCK as u32, Changed::new());
    let inode = file(i_block, 0, superblock);
    file::runs(&inode, &device, superblock, &mut Claims::default())
}

/// The filesystem that lies in `device`.
pub(super) fn filesystem<'a>(device: &'a &[u8], superblock: &Superblock) -> Filesystem<'a> {
    Filesystem {
        device: Patched::new(device, BLOCK as u32, Changed::new()),
        superblock: superblock.clone(),
        groups: vec![Group {
            block_bitmap: 3,
            inode_bitmap: 4,
            inode_table: INODE_TABLE as u64,
            n_inodes: N_INODES,
            has_block_bitmap: false,
            block_bitmap_csum: 0,
            free: (0, 0),
        }],
    }
}

/// A node of an extent tree with `entries` as they stand on disk, in `N` bytes.
pub(super) fn node<const N: usize>(depth: u16, entries: &[[u8; 12]]) -> [u8; N] {
    let mut bytes = [0; N];
    put16(&mut bytes, 0, MAGIC);
    put16(&mut bytes, 2, entries.len() as u16);
    put16(&mut bytes, 4, (N as u16 - 12) / 12);
    put16(&mut bytes, 6, depth);
    for (entry, into) in entries.iter().zip(bytes[12..].chunks_exact_mut(12)) {
        into.copy_from_slice(entry);
    }
    bytes
}

/// `len` blocks from block `file_block` of a file on, which lie at `start`.
pub(super) fn leaf(file_block: u32, len: u16, start: u32) -> [u8; 12] {
    let mut entry = [0; 12];
    put32(&mut entry, 0, file_block);
    put16(&mut entry, 4, len);
    put32(&mut entry, 8, start);
    entry
}

/// The node in `block`, for what comes from block `file_block` of a file on.
pub(super) fn index(file_block: u32, block: u32) -> [u8; 12] {
    let mut entry = [0; 12];
    put32(&mut entry, 0, file_block);
    put32(&mut entry, 4, block);
    entry
}
