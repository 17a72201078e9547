//! `gpt`: GUID partition tables, their backups and the MBR before them.
//!
//! Invariant: as of `mbr`; and a disk whose two copies differ is read as one of them.
//!
//! Input: see `patch.rs`; the repair makes the checksums of the header and of the entries right.

use super::disk::{judge, with_gpt};
use super::patch::{Base, Kind, Patched};
use std::sync::LazyLock;

static BASES: LazyLock<[Base; 2]> = LazyLock::new(|| {
    [
        with_gpt(
            "gpt-entries",
            include_bytes!("../bases/gpt-entries.zst"),
            512,
        ),
        with_gpt("gpt-hybrid", include_bytes!("../bases/gpt-hybrid.zst"), 512),
    ]
});

pub fn run(input: &[u8]) {
    let kinds = [Kind::Table, Kind::Entries, Kind::Boot];
    if let Some(disk) = Patched::new(&*BASES, &kinds, input) {
        judge(&disk);
    }
}
