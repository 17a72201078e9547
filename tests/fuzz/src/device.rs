//! `device`: any bytes as a disk, a partition or a filesystem, as somebody names a file to build from.
//!
//! Invariant: that of `superblock`, and of `mbr` for the search for a table.
//!
//! Input: the device. Whole images of foreign test suites are run through this target.

use super::{ext4, limits};
use imgbuild::disk::{probe, table::OnDisk};

pub fn run(input: &[u8]) {
    let _ = limits::within(8 << 20, || (probe::probe(&input), OnDisk::read(&input)));
    ext4::judge(&input, true);
}
