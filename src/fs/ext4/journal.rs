//! The journal: an inode with one block that says that nothing waits to be replayed.

use super::spec::{BLOCK_SIZE, put32_be};

/// The superblock of a clean journal of `n_blocks` blocks.
pub(super) fn superblock(n_blocks: u32, uuid: &[u8; 16]) -> Vec<u8> {
    const MAGIC: u32 = 0xc03b_3998;
    const SUPERBLOCK_V2: u32 = 4;
    let mut bytes = vec![0; BLOCK_SIZE];
    put32_be(&mut bytes, 0x00, MAGIC);
    put32_be(&mut bytes, 0x04, SUPERBLOCK_V2);
    put32_be(&mut bytes, 0x0c, 4096); // s_blocksize
    put32_be(&mut bytes, 0x10, n_blocks); // s_maxlen
    put32_be(&mut bytes, 0x14, 1); // s_first
    put32_be(&mut bytes, 0x18, 1); // s_sequence; s_start stays 0: empty
    bytes[0x30..0x40].copy_from_slice(uuid);
    put32_be(&mut bytes, 0x40, 1); // s_nr_users
    bytes
}
