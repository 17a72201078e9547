//! The three widths of FAT.

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
