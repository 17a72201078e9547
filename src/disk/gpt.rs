//! Writes the GUID partition table, twice, and the protective MBR before it.
//!
//! The bytes come from the `gpt` crate, on a disk in memory. Fenced here: it draws random GUIDs
//! unless all are given, cuts names after 36 units, moves partitions up over unused entries, and
//! accepts overlaps and partitions behind the end (`layout` has refused both before).

use super::Extent;
use super::image::Region;
use super::mbr;
use super::scratch::Scratch;
use crate::seed::uuid_text;
use crate::units::{Bytes, Lba};
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::partition_types::{OperatingSystem, Type};
use std::collections::BTreeMap;

/// How many entries a table has.
pub const MAX_PARTITIONS: usize = 128;
/// How many UTF-16 units a label holds.
pub const MAX_LABEL: usize = 36;
/// Sectors of one copy: the header, and 128 entries of 128 bytes.
pub const TABLE_SECTORS: u64 = 33;
/// The first sector that a partition can have: behind protective MBR and first copy.
pub const FIRST_USABLE: Lba = Lba(1 + TABLE_SECTORS);

/// What an entry says besides where the partition lies. GUIDs are in text order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the partition is for; never all zero, which means unused.
    pub type_guid: [u8; 16],
    /// The PARTUUID.
    pub guid: [u8; 16],
    /// The PARTLABEL: at most 36 UTF-16 units.
    pub label: String,
    /// Attribute bits: 0 required, 2 legacy BIOS bootable, 59 grow the filesystem, 60 read-only, 63
    /// no automatic mount.
    pub attributes: u64,
}

/// The crate refused. No table that `layout` has checked gets here.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the partition table of a disk of {len}")]
pub struct GptError {
    /// Length of the disk.
    pub len: Bytes,
    /// What the crate says.
    #[source]
    pub source: gpt::GptError,
}

/// Protective MBR (without boot code), first copy and last copy for a disk of `len`, whole sectors.
pub fn tables(
    len: Bytes,
    disk_guid: &[u8; 16],
    partitions: &[(Extent, Entry)],
) -> Result<Vec<Region>, GptError> {
    let wrong = |source| GptError { len, source };
    let mut disk = gpt::GptConfig::new()
        .writable(true)
        .create_from_device(Scratch::new(len.0), Some(guid(disk_guid)))
        .map_err(wrong)?;
    let entries: BTreeMap<_, _> = (1..).zip(partitions.iter().map(partition)).collect();
    disk.update_partitions(entries).map_err(wrong)?;
    let mut regions = disk.write().map_err(wrong)?.into_regions();
    regions.insert(0, protective_mbr(len));
    Ok(regions)
}

/// The part of sector 0 behind the boot code: one entry of type 0xee over the whole disk.
fn protective_mbr(len: Bytes) -> Region {
    let n_sectors = len.0 / crate::units::SECTOR_SIZE;
    let covered = u32::try_from(n_sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    let sector = ProtectiveMBR::with_lb_size(covered).to_bytes();
    let start = usize::try_from(mbr::TABLE_START).expect("440");
    Region::bytes(mbr::TABLE_START, &sector[start..])
}

fn partition((extent, entry): &(Extent, Entry)) -> Partition {
    Partition {
        part_type_guid: Type {
            guid: guid(&entry.type_guid),
            os: OperatingSystem::None,
        },
        part_guid: guid(&entry.guid),
        first_lba: extent.start.0,
        last_lba: extent.start.0 + extent.n_sectors - 1,
        flags: entry.attributes,
        name: entry.label.clone(),
    }
}

/// The crate's own type for a GUID, which it does not name for its users.
fn guid<T: std::str::FromStr<Err: std::fmt::Debug>>(bytes: &[u8; 16]) -> T {
    uuid_text(bytes).parse().expect("a UUID as text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::image::Source;

    fn example() -> Vec<Region> {
        let extent = Extent {
            start: Lba(2048),
            n_sectors: 2048,
        };
        let entry = Entry {
            type_guid: [0x21; 16],
            guid: [3; 16],
            label: "root".into(),
            attributes: 1 << 59,
        };
        tables(Bytes::mib(4), &[7; 16], &[(extent, entry)]).unwrap()
    }

    #[test]
    fn the_tables_claim_exactly_their_sectors() {
        let spans: Vec<_> = example().iter().map(|r| (r.start, r.len)).collect();
        let backup = (4 << 20) - TABLE_SECTORS * 512;
        assert_eq!(
            spans,
            [
                (440, 72),
                (512, TABLE_SECTORS * 512),
                (backup, TABLE_SECTORS * 512)
            ]
        );
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        assert_eq!(example(), example());
        let regions = example();
        let Source::Bytes(primary) = &regions[1].source else {
            panic!("a table is bytes")
        };
        assert_eq!(&primary[..8], b"EFI PART");
        assert_eq!(primary[56..72], [7; 16]);
    }
}
