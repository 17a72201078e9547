//! The sizes that every filesystem written by imgbuild has.

/// Bytes in a block, as in all defaults of `mke2fs` for a root filesystem.
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

/// How many blocks `bytes` bytes take.
pub(crate) fn blocks_of(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES)
}
