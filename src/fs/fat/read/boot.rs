//! The boot sector: everything that follows from it is checked here, once.

use super::{Corrupt, ReadError, Unsupported};
use crate::disk::device::Device;
use crate::disk::probe::{self, Contents};
use crate::fs::fat::FatBits;
use crate::fs::fat::geometry::{FAT12_END, FAT16_END, FAT32_END, Geometry};
use crate::fs::fat::shape::Shape;

/// The values of a boot sector that was checked.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) shape: Shape,
    pub(super) volume_id: Option<u32>,
    /// The label in the boot sector, if the sector has room for one.
    pub(super) label: Option<[u8; 11]>,
    /// First cluster of the root directory; 0 on FAT12 and FAT16, where the root has its own place.
    pub(super) root_cluster: u32,
    /// Which of the tables is kept up to date.
    pub(super) active_table: u64,
}

/// Reads and checks the boot sector of `device`.
pub(super) fn read(device: &dyn Device) -> Result<Boot, ReadError> {
    let io = |source| ReadError::Io { offset: 0, source };
    let found = probe::probe(device).map_err(io)?;
    if found != Some(Contents::Fat) {
        return Err(Unsupported::Other { found }.into());
    }
    let mut sector = [0; 512];
    device.read_at(0, &mut sector).map_err(io)?;
    Ok(parse(&sector, device.len())?)
}

/// The numbers of the boot sector by their offset.
struct Fields<'a>(&'a [u8; 512]);

impl Fields<'_> {
    fn byte(&self, at: usize) -> u64 {
        self.0[at].into()
    }

    fn short(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn word(&self, at: usize) -> u64 {
        self.short(at).into()
    }

    fn long(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("4 bytes"))
    }

    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("N bytes")
    }

    /// FAT32 has a large field for the length of a table only, and no fixed root.
    fn is_fat32(&self) -> bool {
        self.word(22) == 0
    }

    /// The number in the small field or, if that is 0, in the large one.
    fn either(&self, small: usize, large: usize) -> u64 {
        match self.word(small) {
            0 => self.long(large).into(),
            n => n,
        }
    }
}

/// Refuses `found` unless it `is_sound`.
fn check(
    field: &'static str,
    found: u64,
    expected: &'static str,
    is_sound: bool,
) -> Result<(), Corrupt> {
    let wrong = Corrupt::Boot {
        field,
        found,
        expected,
    };
    if is_sound { Ok(()) } else { Err(wrong) }
}

/// The field that is checked twice.
const ROOT_ENTRIES: &str = "entries of the root directory";

/// The division of a partition of `len` bytes.
fn geometry(fields: &Fields<'_>, len: u64) -> Result<Geometry, Corrupt> {
    let (sector, per_cluster) = (fields.word(11), fields.byte(13));
    let (reserved, n_tables, n_root) = (fields.word(14), fields.byte(16), fields.word(17));
    let (table, n_sectors) = (fields.either(22, 36), fields.either(19, 32));
    let (is_sector, is_power) = (
        [512, 1024, 2048, 4096].contains(&sector),
        per_cluster.is_power_of_two(),
    );
    let whole = (n_root * 32).is_multiple_of(sector);
    check("sector size", sector, "512, 1024, 2048 or 4096", is_sector)?;
    check(
        "sectors per cluster",
        per_cluster,
        "a power of two",
        is_power,
    )?;
    check("reserved sectors", reserved, "at least 1", reserved > 0)?;
    check(
        "number of tables",
        n_tables,
        "1 or 2",
        (1..=2).contains(&n_tables),
    )?;
    check("sectors of a table", table, "at least 1", table > 0)?;
    check(ROOT_ENTRIES, n_root, "whole sectors of them", whole)?;
    let before = reserved + n_tables * table + n_root * 32 / sector;
    let n_clusters = n_sectors.saturating_sub(before) / per_cluster;
    check(
        "number of sectors",
        n_sectors,
        "room for a cluster",
        n_clusters > 0,
    )?;
    let (expected, found) = (n_sectors * sector, len);
    if expected > found {
        return Err(Corrupt::Cut { expected, found });
    }
    let bits = match n_clusters {
        _ if fields.is_fat32() => FatBits::Fat32,
        n if n < FAT12_END => FatBits::Fat12,
        _ => FatBits::Fat16,
    };
    let end = if fields.is_fat32() {
        FAT32_END
    } else {
        FAT16_END
    };
    let expected = "no more than its width counts";
    check("number of clusters", n_clusters, expected, n_clusters < end)?;
    let has_root = fields.is_fat32() == (n_root == 0);
    check(ROOT_ENTRIES, n_root, "0 on FAT32 only", has_root)?;
    let expected = bits.table_sectors(n_clusters, sector);
    if table < expected {
        return Err(Corrupt::ShortTable {
            found: table,
            expected,
            n_clusters,
        });
    }
    Ok(Geometry {
        bits,
        sector,
        n_sectors,
        sectors_per_cluster: per_cluster,
        reserved,
        n_tables,
        table_sectors: table,
        root_entries: n_root,
        n_clusters,
    })
}

/// The values of the boot sector of a partition of `len` bytes.
pub(super) fn parse(sector: &[u8; 512], len: u64) -> Result<Boot, Corrupt> {
    let fields = &Fields(sector);
    let geometry = geometry(fields, len)?;
    let is_fat32 = fields.is_fat32();
    let extended = if is_fat32 { 64 } else { 36 };
    // 0x28 says that an id follows, 0x29 that a label and the width do too.
    let mark = fields.byte(extended + 2);
    let active_table = match fields.word(40) {
        // Bit 7: only one of the tables is kept up to date.
        flags if is_fat32 && flags & 0x80 != 0 => flags & 0xf,
        _ => 0,
    };
    let is_there = active_table < geometry.n_tables;
    check("active table", active_table, "one that there is", is_there)?;
    Ok(Boot {
        shape: Shape {
            geometry,
            oem_name: fields.bytes(3),
            media: fields.0[21],
            sectors_per_track: fields.short(24),
            heads: fields.short(26),
            hidden: fields.long(28),
            drive: fields.0[extended],
            fsinfo: if is_fat32 { fields.short(48) } else { 0 },
            backup: if is_fat32 { fields.short(50) } else { 0 },
            jump: fields.bytes(0),
            code: fields.0[extended + 26..510].into(),
        },
        volume_id: matches!(mark, 0x28 | 0x29).then(|| fields.long(extended + 3)),
        label: (mark == 0x29).then(|| fields.bytes(extended + 7)),
        root_cluster: if is_fat32 { fields.long(44) } else { 0 },
        active_table,
    })
}
