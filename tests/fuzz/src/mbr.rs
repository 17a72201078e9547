//! `mbr`: partition tables of the classic kind, with chains of logical partitions.
//!
//! Invariant: whatever a disk holds, reading its table and looking for a filesystem end without a
//! panic, in 8 MiB of memory and bounded time. Partitions that are found are whole sectors on the disk
//! with ascending numbers, and no two share a sector, but for an extended one and those in it. What can
//! be written back is read again to the same table.
//!
//! Input: see `patch.rs`.

use super::disk::{judge, with_mbr};
use super::patch::{Base, Kind, Patched};
use std::sync::LazyLock;

static BASES: LazyLock<[Base; 3]> = LazyLock::new(|| {
    [
        with_mbr("mbr-primary", include_bytes!("../bases/mbr-primary.zst")),
        with_mbr("mbr-logical", include_bytes!("../bases/mbr-logical.zst")),
        with_mbr("fat-12", include_bytes!("../bases/fat-12.zst")),
    ]
});

pub fn run(input: &[u8]) {
    if let Some(disk) = Patched::new(&*BASES, &[Kind::Table, Kind::Boot], input) {
        judge(&disk);
    }
}
