//! Extended attributes, in an inode behind its fields and in a block:
//!
//! ```text
//! inode   magic | entry entry … 0 0 0 0 |      free      | … value value |
//! block   header (32 bytes) | entry entry … 0 0 0 0 | free | … value value |
//! entry   name length u8, name index u8, value offset u16, value inode u32, value size u32,
//!         hash u32, name without its prefix, zeros up to a multiple of 4
//! ```

use super::checksum::Seed;
use super::field::{Le16, Le32};

pub(crate) const H_MAGIC: Le32 = Le32(0x00);
pub(crate) const H_REFCOUNT: Le32 = Le32(0x04);
pub(crate) const H_BLOCKS: Le32 = Le32(0x08);
pub(crate) const H_HASH: Le32 = Le32(0x0c);
pub(crate) const H_CHECKSUM: Le32 = Le32(0x10);

pub(crate) const E_NAME_LEN: usize = 0;
pub(crate) const E_NAME_INDEX: usize = 1;
pub(crate) const E_VALUE_OFFS: Le16 = Le16(2);
pub(crate) const E_VALUE_INUM: Le32 = Le32(4);
pub(crate) const E_VALUE_SIZE: Le32 = Le32(8);
pub(crate) const E_HASH: Le32 = Le32(12);

/// The value of `h_magic`, with which the part of an inode begins too.
pub(crate) const MAGIC: u32 = 0xea02_0000;
/// Bytes of a block before its entries.
pub(crate) const HEADER: usize = 32;
/// Bytes of an entry before its name.
pub(crate) const ENTRY: usize = 16;

/// The prefixes of names with their `e_name_index`. Behind that of an access control list, there is
/// no name.
pub(crate) const PREFIXES: [(&[u8], u8); 5] = [
    (b"user.", 1),
    (b"system.posix_acl_access", ACL_ACCESS),
    (b"system.posix_acl_default", ACL_DEFAULT),
    (b"trusted.", 4),
    (b"security.", 6),
];
pub(crate) const ACL_ACCESS: u8 = 2;
pub(crate) const ACL_DEFAULT: u8 = 3;

/// The checksum of `bytes`, block number `block`.
pub(crate) fn block_checksum(seed: Seed, block: u64, bytes: &[u8]) -> u32 {
    let seed = Seed::stored(seed.over(&[&block.to_le_bytes()]));
    seed.over_without(bytes, &[H_CHECKSUM.bytes()])
}
