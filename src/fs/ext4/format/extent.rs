//! Extent trees: a header of 12 bytes, then entries of 12 bytes.

use super::field::{Le16, Le32, Split};

pub(crate) const EH_MAGIC: Le16 = Le16(0);
pub(crate) const EH_ENTRIES: Le16 = Le16(2);
pub(crate) const EH_MAX: Le16 = Le16(4);
pub(crate) const EH_DEPTH: Le16 = Le16(6);

/// The first block of the file that an entry of a leaf or of a node above stands for.
pub(crate) const EE_BLOCK: Le32 = Le32(0);
pub(crate) const EE_LEN: Le16 = Le16(4);
pub(crate) const EE_START: Split = Split(8..12, 6..8);
/// The block of the node below, in an entry above the leaves.
pub(crate) const EI_LEAF: Split = Split(4..8, 8..10);

/// The value of `eh_magic`.
pub(crate) const MAGIC: u16 = 0xf30a;
/// Bytes of a node before its entries.
pub(crate) const HEADER: usize = 12;
/// Blocks that a file can have: their numbers have 32 bits.
pub(crate) const FILE_BLOCKS: u64 = 1 << 32;
/// Bytes of an entry.
pub(crate) const ENTRY: usize = 12;
/// Blocks of one extent. `ee_len` is larger for blocks that are allocated but not written, which
/// read as zeros.
pub(crate) const MAX_WRITTEN: u64 = 32_768;
