//! The journal: an inode whose first block says that there is nothing to replay.

use super::sizes::BLOCK_SIZE;
use crate::fs::ext4::format::journal::*;

/// The superblock of a clean journal of `n_blocks` blocks. `s_start` stays 0: the log is empty.
pub(super) fn superblock(n_blocks: u32, uuid: &[u8; 16]) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_SIZE];
    for (at, value) in [
        (H_MAGIC, MAGIC),
        (H_BLOCKTYPE, SUPERBLOCK_V2),
        (S_BLOCKSIZE, BLOCK_SIZE as u32),
        (S_MAXLEN, n_blocks),
        (S_FIRST, 1),
        (S_SEQUENCE, 1),
        (S_NR_USERS, 1),
    ] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes[S_UUID].copy_from_slice(uuid);
    bytes
}
