//! Disk images as ordered regions, and the partition tables in them.

pub mod device;
pub mod gpt;
pub mod image;
pub mod mbr;
pub mod probe;
pub mod table;

use crate::units::Lba;

/// Where a partition lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First sector.
    pub start: Lba,
    /// Number of sectors; never 0.
    pub n_sectors: u64,
}
