//! Writes the two copies of a GUID partition table.
//!
//! ```text
//! 0 protective MBR | 1 header | entries | … partitions … | entries | header in the last sector
//! ```
//!
//! The `gpt` crate is not used for this, because it closes gaps between entries, which would renumber the
//! partitions of a base image; tests compare this module with it. This module does not check its input:
//! `table` has refused overlaps and partitions behind the end of the disk.

use super::image::Region;
use crate::units::{Bytes, Lba};
use std::ops::Range;

/// The number of entries of a table.
pub const MAX_PARTITIONS: usize = 128;
/// The number of UTF-16 units that a label holds.
pub const MAX_LABEL: usize = 36;
/// The first sector that a partition can have: behind the protective MBR, the header, and 32 sectors with
/// 128 entries of 128 bytes.
pub const FIRST_USABLE: Lba = Lba(34);

const ENTRY_LEN: usize = 128;
const HEADER_LEN: u32 = 92;

/// The fields of an entry besides the address. GUIDs are in text order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The partition type GUID; never all zero, which means unused.
    pub type_guid: [u8; 16],
    /// The PARTUUID.
    pub guid: [u8; 16],
    /// The PARTLABEL: at most 36 UTF-16 units.
    pub label: String,
    /// Attribute bits: 0 required, 2 legacy BIOS bootable, 59 grow the filesystem, 60 read-only, 63
    /// no automatic mount.
    pub attributes: u64,
}

/// A disk with room for both copies. All counts are in sectors of this disk.
pub(super) struct Disk {
    sector: u64,
    n_sectors: u64,
    n_entries: u32,
    entry_sectors: u64,
}

impl Disk {
    /// A disk of `len` with sectors of `sector` bytes, whose partitions have numbers up to `highest`.
    pub(super) fn new(len: Bytes, sector: u64, highest: u32) -> Self {
        let n_entries = highest
            .max(MAX_PARTITIONS as u32)
            .next_multiple_of(MAX_PARTITIONS as u32);
        let entry_sectors = u64::from(n_entries) * ENTRY_LEN as u64 / sector;
        Self {
            sector,
            n_sectors: len.0 / sector,
            n_entries,
            entry_sectors,
        }
    }

    /// The first and the last sector that partitions may use.
    fn bounds(&self) -> (u64, u64) {
        let first = 2 + self.entry_sectors;
        (first, self.n_sectors.saturating_sub(first))
    }

    /// Bytes of one copy: its header and its entries.
    pub(super) fn copy_len(&self) -> Bytes {
        Bytes((1 + self.entry_sectors) * self.sector)
    }

    /// The bytes that partitions may use.
    pub(super) fn usable(&self) -> Range<u64> {
        let (first, last) = self.bounds();
        first * self.sector..(last + 1) * self.sector
    }

    /// Both copies of the table with the partitions `placed`: number, range of sectors and entry.
    pub(super) fn copies(
        &self,
        disk_guid: &[u8; 16],
        placed: &[(u32, Range<u64>, &Entry)],
    ) -> [Region; 2] {
        let entries = self.entries(placed);
        let last = self.n_sectors.saturating_sub(1);
        let header = |own, other, at| self.header(disk_guid, &entries, [own, other], at);
        let first = [header(1, last, 2), entries.clone()].concat();
        let entries_at = last.saturating_sub(self.entry_sectors);
        let backup = [entries.clone(), header(last, 1, entries_at)].concat();
        [
            Region::bytes(self.sector, first),
            Region::bytes(entries_at * self.sector, backup),
        ]
    }

    fn entries(&self, placed: &[(u32, Range<u64>, &Entry)]) -> Vec<u8> {
        let mut bytes = vec![0; self.n_entries as usize * ENTRY_LEN];
        for (number, sectors, entry) in placed {
            let at = (*number as usize - 1) * ENTRY_LEN;
            let mut put = |offset: usize, value: &[u8]| {
                bytes[at + offset..][..value.len()].copy_from_slice(value);
            };
            put(0, &mixed_guid(&entry.type_guid));
            put(16, &mixed_guid(&entry.guid));
            put(32, &sectors.start.to_le_bytes());
            put(40, &(sectors.end - 1).to_le_bytes());
            put(48, &entry.attributes.to_le_bytes());
            let units = entry.label.encode_utf16().take(MAX_LABEL);
            for (unit, offset) in units.zip((56..).step_by(2)) {
                put(offset, &unit.to_le_bytes());
            }
        }
        bytes
    }

    /// The sector of a header: it lies in sector `places[0]`, and its other copy in `places[1]`.
    fn header(
        &self,
        disk_guid: &[u8; 16],
        entries: &[u8],
        places: [u64; 2],
        entries_at: u64,
    ) -> Vec<u8> {
        let (first, last) = self.bounds();
        let mut bytes = vec![0; usize::try_from(self.sector).expect("512 or 4096")];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"EFI PART");
        put(8, &0x1_0000_u32.to_le_bytes());
        put(12, &HEADER_LEN.to_le_bytes());
        put(24, &places[0].to_le_bytes());
        put(32, &places[1].to_le_bytes());
        put(40, &first.to_le_bytes());
        put(48, &last.to_le_bytes());
        put(56, &mixed_guid(disk_guid));
        put(72, &entries_at.to_le_bytes());
        put(80, &self.n_entries.to_le_bytes());
        put(84, &(ENTRY_LEN as u32).to_le_bytes());
        put(88, &crc32(&[entries]).to_le_bytes());
        let crc = crc32(&[&bytes[..HEADER_LEN as usize]]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Converts a GUID from text order to its form on the disk, whose first three fields are little-endian,
/// or back.
pub(super) fn mixed_guid(guid: &[u8; 16]) -> [u8; 16] {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    ORDER.map(|index| guid[index])
}

/// The CRC-32 of Ethernet and zip over the concatenated `parts`.
pub(crate) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = flate2::Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
