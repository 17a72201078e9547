//! Directories: entries in blocks, with an index above one block.
//!
//! ```text
//! entry   inode u32, length u16, name length u8, file type u8, name, zeros up to a multiple of 4
//! block   entry entry … the last entry takes the rest; with checksums it is followed by an entry of
//!         12 bytes without inode and name, which holds the checksum of the block
//! ```
//!
//! The index lists leaf blocks in the order of their names' hashes, in one or two levels of blocks:
//!
//! ```text
//! block 0       root: entries `.` and `..` (which hides the rest), 8 bytes about the index, then
//!               limit u16, count u16, block u32; hash u32, block u32; …
//! block 1…      only with two levels: an entry that hides all, then the same table
//! …             leaves
//! ```

use super::checksum::Seed;
use super::field::{Le16, Le32};

pub(crate) const INODE: Le32 = Le32(0);
pub(crate) const REC_LEN: Le16 = Le16(4);
/// Where the length of the name stands: one byte with `filetype`, two without.
pub(crate) const NAME_LEN: usize = 6;
pub(crate) const FILE_TYPE: usize = 7;
/// Where the name begins.
pub(crate) const NAME: usize = 8;
/// Bytes of the shortest entry, such as `.` and `..`.
pub(crate) const SHORTEST: usize = 12;
/// The file type of a directory.
pub(crate) const FT_DIRECTORY: u8 = 2;

/// Bytes of the entry at the end of a block that holds its checksum.
pub(crate) const TAIL: usize = 12;
/// What that entry begins with.
pub(crate) const TAIL_MARK: [u8; 8] = [0, 0, 0, 0, 12, 0, 0, 0xde];
/// Where in it the checksum stands.
pub(crate) const TAIL_CHECKSUM: Le32 = Le32(8);

/// Which hash orders the index (half MD4), in the root and in the superblock.
pub(crate) const DX_HASH_HALF_MD4: u8 = 1;
/// Where the table of the index begins in the root: behind the dots and 8 bytes about the index.
pub(crate) const ROOT_TABLE: usize = 32;
/// Where the table begins in the nodes below: behind an unused entry.
pub(crate) const NODE_TABLE: usize = 8;
/// Bytes of an entry of the table, and of the checksum behind all entries.
pub(crate) const INDEX_ENTRY: usize = 8;

/// The checksum of an index block whose table, at byte `table`, has `count` entries and room for
/// `limit`. Unused room is left out.
pub(crate) fn index_checksum(
    seed: Seed,
    block: &[u8],
    table: usize,
    count: usize,
    limit: usize,
) -> u32 {
    let used = &block[..table + count * INDEX_ENTRY];
    let tail = table + limit * INDEX_ENTRY;
    seed.over(&[used, &block[tail..tail + 4], &[0; 4]])
}
