//! Reads a GPT: its first copy, or the last one if the first is broken.

use super::{
    CopyError, Damaged, Entry, Hybrid, Kind, Partition, Protective, Sector, Table, TableError,
    check, mbr, read_at,
};
use crate::disk::device::Device;
use crate::disk::gpt::{self, MAX_LABEL, crc32, mixed_guid};
use crate::units::Bytes;

/// The sizes of sectors that disks have.
const SECTORS: [Sector; 2] = [Sector::Of512, Sector::Of4096];
const SIGNATURE: &[u8; 8] = b"EFI PART";
/// The length of the fields of a header in bytes; the rest of its sector is reserved.
const HEADER: usize = 92;
/// The most bytes of entries that are read. The usual 128 entries of 128 bytes are 16 KiB.
const MAX_ENTRIES: u64 = 1 << 20;

/// A copy without faults.
#[derive(Debug, PartialEq, Eq)]
struct Sound {
    disk_guid: [u8; 16],
    /// The sector of the other copy's header.
    alternate: u64,
    /// First and last sector that partitions may use.
    usable: (u64, u64),
    entries: Vec<u8>,
    entry_len: usize,
}

impl Sound {
    /// Whether both copies describe the same partitions.
    fn agrees(&self, other: &Self) -> bool {
        let fields = |it: &Self| (it.disk_guid, it.usable, it.entry_len);
        fields(self) == fields(other) && self.entries == other.entries
    }
}

/// A copy or its fault. An error of the disk itself is neither.
type Copy = Result<Sound, CopyError>;

/// Reads the table behind the protective MBR in `sector`.
pub(super) fn read(disk: &dyn Device, sector: &[u8; 512]) -> Result<Table, TableError> {
    let mut broken = None;
    for size in SECTORS {
        let primary = copy(disk, size, 1)?;
        let last = (disk.len() / size.bytes()).saturating_sub(1);
        let other = primary.as_ref().map_or(last, |sound| sound.alternate);
        let backup = copy(disk, size, other)?;
        let (sound, damaged) = match (primary, backup) {
            (Ok(sound), Ok(backup)) if sound.agrees(&backup) => (sound, None),
            (Ok(sound), Ok(_)) => {
                let fault = CopyError::Unsound("it differs from the first one".to_owned());
                (sound, Some(Damaged::Backup(fault)))
            }
            (Ok(sound), Err(error)) => (sound, Some(Damaged::Backup(error))),
            (Err(error), Ok(sound)) => (sound, Some(Damaged::Primary(error))),
            (Err(primary), Err(backup)) => {
                // The fault of a header says more than that there is no header.
                if broken.is_none() || !matches!(primary, CopyError::NoHeader(_)) {
                    broken = Some(TableError::Gpt { primary, backup });
                }
                continue;
            }
        };
        return table(disk, sector, size, &sound, damaged);
    }
    Err(broken.expect("a sector size was tried"))
}

/// Refuses a disk that has the header of a GPT although its MBR has no protective entry.
pub(super) fn refuse_unprotected(disk: &dyn Device) -> Result<(), TableError> {
    for sector in SECTORS.map(Sector::bytes) {
        let mut found = [0; 8];
        if disk.len() >= sector + 8 {
            read_at(disk, sector, &mut found)?;
        }
        if &found == SIGNATURE {
            return Err(TableError::Unusable(format!(
                "there is a GPT of {sector}-byte sectors, but the MBR before it has no entry of type 0xee \
                 that protects it; `sgdisk` makes a new one"
            )));
        }
    }
    Ok(())
}

/// The copy whose header is in sector `lba`.
fn copy(disk: &dyn Device, sector: Sector, lba: u64) -> Result<Copy, TableError> {
    let size = sector.bytes();
    let len = disk.len();
    let cut = |end| CopyError::Unsound(format!("it reaches to byte {end} of a disk of {len}"));
    let at = lba.saturating_mul(size);
    let end = at.saturating_add(size);
    if end > len {
        return Ok(Err(cut(end)));
    }
    let mut header = [0; 4096];
    let header = &mut header[..size as usize];
    read_at(disk, at, header)?;
    let header = match Header::parse(header, size, lba) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    let start = header.entries.saturating_mul(size);
    let end = start.saturating_add(header.entries_len as u64);
    if end > len {
        return Ok(Err(cut(end)));
    }
    let mut entries = vec![0; header.entries_len];
    read_at(disk, start, &mut entries)?;
    Ok(header.with(entries))
}

/// The fields of a header, with all checks that do not need the entries.
struct Header {
    sound: Sound,
    /// First sector of the entries.
    entries: u64,
    entries_len: usize,
    entries_crc: u32,
}

impl Header {
    fn parse(bytes: &[u8], sector: u64, lba: u64) -> Result<Self, CopyError> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if &bytes[..8] != SIGNATURE {
            return Err(CopyError::NoHeader(lba));
        }
        let unsound = |fault: String| Err(CopyError::Unsound(fault));
        let found = word(12);
        let header = match usize::try_from(found) {
            Ok(len) if (HEADER..=bytes.len()).contains(&len) => &bytes[..len],
            _ => {
                return unsound(format!(
                    "its header has {found} bytes, expected 92 to {sector}"
                ));
            }
        };
        // The CRC is over the header with zeros in its own place.
        let crc = crc32(&[&header[..16], &[0; 4], &header[20..]]);
        if crc != word(16) {
            return unsound(format!(
                "its header has CRC {crc:#010x}, expected {:#010x}",
                word(16)
            ));
        }
        if long(24) != lba {
            return unsound(format!(
                "its header in sector {lba} says that it is in sector {}",
                long(24)
            ));
        }
        let (n_entries, entry_len) = (word(80), word(84));
        if !(128..=4096).contains(&entry_len) || !entry_len.is_power_of_two() {
            return unsound(format!(
                "its entries have {entry_len} bytes, expected 128, 256, 512, 1024, 2048 or 4096"
            ));
        }
        let entries_len = u64::from(n_entries) * u64::from(entry_len);
        if entries_len > MAX_ENTRIES {
            return unsound(format!(
                "it has {n_entries} entries of {entry_len} bytes; at most 1 MiB of them is supported"
            ));
        }
        let (entries, first, last) = (long(72), long(40), long(48));
        let entries_end = entries.saturating_add(entries_len.div_ceil(sector));
        let apart = entries_end <= first || entries > last;
        if first > last || entries == 0 || first <= 1 || !apart {
            return unsound(format!(
                "its entries at sector {entries} and its partitions, from sector {first} to {last}, \
                 are in each other's way"
            ));
        }
        Ok(Self {
            sound: Sound {
                disk_guid: mixed_guid(bytes[56..72].try_into().expect("16 bytes")),
                alternate: long(32),
                usable: (first, last),
                entries: Vec::new(),
                entry_len: entry_len as usize,
            },
            entries,
            entries_len: usize::try_from(entries_len).expect("at most 1 MiB"),
            entries_crc: word(88),
        })
    }

    fn with(mut self, entries: Vec<u8>) -> Copy {
        let crc = crc32(&[&entries]);
        if crc != self.entries_crc {
            return Err(CopyError::Unsound(format!(
                "its entries have CRC {crc:#010x}, expected {:#010x}",
                self.entries_crc
            )));
        }
        self.sound.entries = entries;
        Ok(self.sound)
    }
}

fn table(
    disk: &dyn Device,
    first_sector: &[u8; 512],
    sector: Sector,
    sound: &Sound,
    damaged: Option<Damaged>,
) -> Result<Table, TableError> {
    let size = sector.bytes();
    let mut partitions = Vec::new();
    for (bytes, number) in sound.entries.chunks_exact(sound.entry_len).zip(1..) {
        if bytes[..16] != [0; 16] {
            partitions.push(partition(bytes, number, size)?);
        }
    }
    let (first, last) = sound.usable;
    let end = last.saturating_add(1).saturating_mul(size).min(disk.len());
    check::partitions(&partitions, sector, first.saturating_mul(size)..end)?;
    Ok(Table {
        sector,
        boot_code: mbr::boot_code(first_sector),
        kind: Kind::Gpt {
            disk_guid: sound.disk_guid,
            mbr: protective(first_sector, size),
            damaged,
        },
        partitions,
    })
}

fn partition(bytes: &[u8], number: u32, sector: u64) -> Result<Partition, TableError> {
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let guid = |at: usize| mixed_guid(bytes[at..at + 16].try_into().expect("16 bytes"));
    let (first, last) = (long(32), long(40));
    let Some(n_sectors) = last.checked_sub(first).map(|n| n.saturating_add(1)) else {
        return Err(TableError::Unusable(format!(
            "partition {number} starts at sector {first} and ends before, at sector {last}"
        )));
    };
    let units: Vec<u16> = bytes[56..56 + 2 * MAX_LABEL]
        .as_chunks()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair))
        .take_while(|unit| *unit != 0)
        .collect();
    Ok(Partition {
        number,
        start: Bytes(first.saturating_mul(sector)),
        len: Bytes(n_sectors.saturating_mul(sector)),
        entry: Entry::Gpt(gpt::Entry {
            type_guid: guid(0),
            guid: guid(16),
            // Each unit that is not part of a valid text becomes U+FFFD.
            label: String::from_utf16_lossy(&units),
            attributes: long(48),
        }),
    })
}

fn protective(first_sector: &[u8; 512], sector: u64) -> Protective {
    let slots = mbr::slots(first_sector);
    let slots = slots.iter().zip(1..);
    let entries: Vec<Hybrid> = slots
        .filter(|(slot, _)| slot.type_byte != 0)
        .map(|(slot, number)| Hybrid {
            slot: number,
            start: Bytes(u64::from(slot.start) * sector),
            len: Bytes(u64::from(slot.n_sectors) * sector),
            entry: slot.entry(),
        })
        .collect();
    let mut protective = entries
        .iter()
        .filter(|it| it.entry.type_byte == mbr::PROTECTIVE);
    Protective {
        disk_id: mbr::disk_id(first_sector),
        active: protective.next().is_some_and(|it| it.entry.active),
        hybrid: match entries.len() {
            0 | 1 => Vec::new(),
            _ => entries,
        },
    }
}
