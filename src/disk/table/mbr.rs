//! Reads an MBR, and the chain of tables that describe its logical partitions.

use super::{Entry, Kind, Partition, Sector, Table, TableError, check, read_at};
use crate::disk::device::Device;
use crate::disk::mbr;
use crate::units::Bytes;
use std::collections::BTreeSet;

/// The type of the entry that covers a GPT.
pub(super) const PROTECTIVE: u8 = 0xee;
/// The size of a sector. An MBR does not say it.
const SECTOR: u64 = 512;
/// The most logical partitions of a disk. Linux has 256 minor numbers for a disk and its partitions.
const MAX_LOGICAL: usize = 128;

/// One of the four entries of a table, with its fields as they are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) mark: u8,
    pub(super) type_byte: u8,
    pub(super) start: u32,
    pub(super) n_sectors: u32,
}

impl Slot {
    pub(super) fn is_used(&self) -> bool {
        self.type_byte != 0 && self.n_sectors != 0
    }

    pub(super) fn entry(&self) -> mbr::Entry {
        mbr::Entry {
            type_byte: self.type_byte,
            active: self.mark & 0x80 != 0,
        }
    }
}

/// Whether a partition of this type contains logical ones: DOS's, Windows 95's and Linux's type.
pub(super) fn is_extended(type_byte: u8) -> bool {
    matches!(type_byte, 0x05 | 0x0f | 0x85)
}

/// The four entries of a table.
pub(super) fn slots(sector: &[u8; 512]) -> [Slot; 4] {
    std::array::from_fn(|index| {
        let slot = &sector[446 + 16 * index..][..16];
        let word = |at: usize| u32::from_le_bytes(slot[at..at + 4].try_into().expect("4 bytes"));
        Slot {
            mark: slot[0],
            type_byte: slot[4],
            start: word(8),
            n_sectors: word(12),
        }
    })
}

/// The disk id.
pub(super) fn disk_id(sector: &[u8; 512]) -> u32 {
    u32::from_le_bytes(sector[440..444].try_into().expect("4 bytes"))
}

/// The boot code, which belongs to the boot loader.
pub(super) fn boot_code(sector: &[u8; 512]) -> Box<[u8; 440]> {
    Box::new(sector[..440].try_into().expect("440 bytes"))
}

/// Reads the table whose first sector is `sector`.
pub(super) fn read(disk: &dyn Device, sector: &[u8; 512]) -> Result<Table, TableError> {
    let mut partitions = Vec::new();
    for (slot, number) in slots(sector).into_iter().zip(1..) {
        if slot.mark & 0x7f != 0 {
            return Err(TableError::Unusable(format!(
                "slot {number} of the MBR has the boot mark {:#04x}, expected 0x00 or 0x80: \
                 this is no partition table",
                slot.mark
            )));
        }
        if slot.is_used() {
            let (start, len) = (u64::from(slot.start), u64::from(slot.n_sectors));
            partitions.push(Partition {
                number,
                start: Bytes(start * SECTOR),
                len: Bytes(len * SECTOR),
                entry: Entry::Primary(slot.entry()),
            });
        }
    }
    // The bounds of the extended partitions have to be right before their chains are followed.
    check::partitions(&partitions, Sector::Of512, SECTOR..disk.len())?;
    let mut logical = Vec::new();
    for container in partitions.iter().filter(|it| it.is_extended()) {
        follow(disk, container, &mut logical)?;
    }
    partitions.extend(logical);
    check::partitions(&partitions, Sector::Of512, SECTOR..disk.len())?;
    Ok(Table {
        sector: Sector::Of512,
        boot_code: boot_code(sector),
        kind: Kind::Mbr {
            disk_id: disk_id(sector),
        },
        partitions,
    })
}

/// Appends the logical partitions of `container` to `logical`. Each table of the chain describes one
/// partition, whose address counts from that table, and refers to the next table, whose address counts
/// from the start of the container.
fn follow(
    disk: &dyn Device,
    container: &Partition,
    logical: &mut Vec<Partition>,
) -> Result<(), TableError> {
    let mut seen = BTreeSet::new();
    let mut link = container.start.0;
    loop {
        if !seen.insert(link) {
            return Err(TableError::Unusable(format!(
                "the chain of logical partitions leads in a circle, back to byte {link}"
            )));
        }
        if seen.len() > MAX_LOGICAL || logical.len() >= MAX_LOGICAL {
            return Err(TableError::Unusable(format!(
                "there are more than {MAX_LOGICAL} logical partitions, which is not supported"
            )));
        }
        let mut sector = [0; 512];
        read_at(disk, link, &mut sector)?;
        if sector[510..] != [0x55, 0xaa] {
            // An extended partition that was never used has no table yet.
            if link == container.start.0 {
                return Ok(());
            }
            return Err(TableError::Unusable(format!(
                "the chain of logical partitions leads to byte {link}, where no table is: \
                 it ends with {:02x} {:02x}, expected 55 aa",
                sector[510], sector[511]
            )));
        }
        let (links, data): (Vec<Slot>, Vec<Slot>) = slots(&sector)
            .into_iter()
            .filter(Slot::is_used)
            .partition(|slot| is_extended(slot.type_byte));
        if data.len() > 1 {
            return Err(TableError::Unusable(format!(
                "the table at byte {link} describes {} logical partitions, expected at most 1",
                data.len()
            )));
        }
        for slot in data {
            let number = 5 + u32::try_from(logical.len()).expect("at most 128");
            logical.push(Partition {
                number,
                start: Bytes(link + u64::from(slot.start) * SECTOR),
                len: Bytes(u64::from(slot.n_sectors) * SECTOR),
                entry: Entry::Logical {
                    entry: slot.entry(),
                    link: Bytes(link),
                },
            });
        }
        let Some(next) = links.first() else {
            return Ok(());
        };
        link = container.start.0 + u64::from(next.start) * SECTOR;
        if link + SECTOR > container.end().0 {
            return Err(TableError::Unusable(format!(
                "the chain of logical partitions leads to byte {link}, out of the extended partition {} \
                 that ends at byte {}",
                container.number,
                container.end().0
            )));
        }
    }
}
