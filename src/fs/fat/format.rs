//! What the reader and the writer both know of the format.

/// Width of an entry of the allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FatBits {
    /// Up to 4,084 clusters.
    Fat12,
    /// Up to 65,524 clusters.
    Fat16,
    /// 65,525 clusters and more; the only one that a Raspberry Pi boots from every medium.
    Fat32,
}

/// Clusters that follow each other; `first` is 0 if there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) n_clusters: u32,
}

/// Number of the first cluster; the table's first two entries mean something else.
pub(super) const FIRST_CLUSTER: u32 = 2;

/// Bytes of a directory entry.
pub(super) const ENTRY_SIZE: usize = 32;
/// The most entries of a directory: its length is at most 2 MiB.
pub(super) const MAX_ENTRIES: usize = 65_536;

pub(super) const ATTR_READ_ONLY: u8 = 0x01;
pub(super) const ATTR_VOLUME_LABEL: u8 = 0x08;
/// The attributes that mark an entry as part of a long name.
pub(super) const ATTR_LONG_NAME: u8 = 0x0f;
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
pub(super) const ATTR_ARCHIVE: u8 = 0x20;
/// The bit of the first byte that marks the entry with the end of a long name, which comes first.
pub(super) const LAST_LONG_ENTRY: u8 = 0x40;

pub(super) const DOT: &Short = b".          ";
pub(super) const DOT_DOT: &Short = b"..         ";

/// An 8.3 name as an entry has it: padded with spaces, without the dot.
pub(super) type Short = [u8; 11];

/// The checksum of an 8.3 name, which each entry of its long name repeats.
pub(super) fn checksum(short: &Short) -> u8 {
    let sum = |sum: u8, byte: &u8| sum.rotate_right(1).wrapping_add(*byte);
    short.iter().fold(0, sum)
}

/// UTF-16 units in one entry of a long name.
pub(super) const UNITS: usize = 13;

/// The offsets of these units.
pub(super) fn unit_offsets() -> impl Iterator<Item = usize> {
    (1..11).chain(14..26).chain(28..32).step_by(2)
}
