//! Reads a GPT: the first copy, or the last one where the first is broken.

use super::{
    CopyError, Damaged, Entry, Hybrid, Kind, Partition, Protective, Sector, Table, TableError,
    check, mbr, read_at,
};
use crate::disk::device::Device;
use crate::disk::gpt::{self, MAX_LABEL, crc32, mixed_guid};
use crate::units::Bytes;

/// The sectors that disks have.
const SECTORS: [Sector; 2] = [Sector::Of512, Sector::Of4096];
const SIGNATURE: &[u8; 8] = b"EFI PART";
/// The bytes of a header that mean something.
const HEADER: usize = 92;
/// More than this nobody writes: 128 entries of 128 bytes are 16 KiB.
const MAX_ENTRIES: u64 = 1 << 20;

/// A sound copy.
#[derive(Debug, PartialEq, Eq)]
struct Sound {
    disk_guid: [u8; 16],
    /// Where the other copy's header is.
    alternate: u64,
    /// First and last sector that partitions may use.
    usable: (u64, u64),
    entries: Vec<u8>,
    entry_len: usize,
}

impl Sound {
    /// Whether this copy says the same as the other one.
    fn agrees(&self, other: &Self) -> bool {
        let own = (&self.disk_guid, self.usable, self.entry_len, &self.entries);
        own == (
            &other.disk_guid,
            other.usable,
            other.entry_len,
            &other.entries,
        )
    }
}

/// A copy, or what is wrong with it; a disk that cannot be read is neither.
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
            (Ok(sound), Ok(_)) => (sound, Some(Damaged::Backup(CopyError::Differs))),
            (Ok(sound), Err(error)) => (sound, Some(Damaged::Backup(error))),
            (Err(error), Ok(sound)) => (sound, Some(Damaged::Primary(error))),
            (Err(primary), Err(backup)) => {
                // What has a header tells more than what has none.
                if broken.is_none() || !matches!(primary, CopyError::Signature { .. }) {
                    broken = Some(TableError::Gpt { primary, backup });
                }
                continue;
            }
        };
        return table(disk, sector, size, &sound, damaged);
    }
    Err(broken.expect("a sector size was tried"))
}

/// Refuses a disk that has a header of a GPT, where no MBR announced it.
pub(super) fn refuse_unprotected(disk: &dyn Device) -> Result<(), TableError> {
    for sector in SECTORS.map(Sector::bytes) {
        let mut found = [0; 8];
        if disk.len() >= sector + 8 {
            read_at(disk, sector, &mut found)?;
        }
        if &found == SIGNATURE {
            return Err(TableError::Unprotected { sector });
        }
    }
    Ok(())
}

/// The copy whose header is in sector `lba`.
fn copy(disk: &dyn Device, sector: Sector, lba: u64) -> Result<Copy, TableError> {
    let size = sector.bytes();
    let len = disk.len();
    let at = lba.saturating_mul(size);
    let end = at.saturating_add(size);
    if end > len {
        return Ok(Err(CopyError::Cut { end, len }));
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
        return Ok(Err(CopyError::Cut { end, len }));
    }
    let mut entries = vec![0; header.entries_len];
    read_at(disk, start, &mut entries)?;
    Ok(header.with(entries))
}

/// The fields of a header, checked as far as they can be without the entries.
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
            return Err(CopyError::Signature { lba });
        }
        let found = word(12);
        let header = match usize::try_from(found) {
            Ok(len) if (HEADER..=bytes.len()).contains(&len) => &bytes[..len],
            _ => return Err(CopyError::HeaderLen { found, sector }),
        };
        // The CRC is over the header with zeros in its own place.
        let crc = crc32(&[&header[..16], &[0; 4], &header[20..]]);
        if crc != word(16) {
            let (found, expected) = (crc, word(16));
            return Err(CopyError::HeaderCrc { found, expected });
        }
        if long(24) != lba {
            let (found, expected) = (lba, long(24));
            return Err(CopyError::Place { found, expected });
        }
        let (n_entries, entry_len) = (word(80), word(84));
        if !(128..=4096).contains(&entry_len) || !entry_len.is_power_of_two() {
            return Err(CopyError::EntrySize { found: entry_len });
        }
        let entries_len = u64::from(n_entries) * u64::from(entry_len);
        if entries_len > MAX_ENTRIES {
            let (found, size) = (n_entries, entry_len);
            return Err(CopyError::Entries { found, size });
        }
        let (entries, first, last) = (long(72), long(40), long(48));
        let entries_end = entries.saturating_add(entries_len.div_ceil(sector));
        let apart = entries_end <= first || entries > last;
        if first > last || entries == 0 || first <= 1 || !apart {
            return Err(CopyError::Bounds {
                entries,
                first,
                last,
            });
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
            let (found, expected) = (crc, self.entries_crc);
            return Err(CopyError::EntriesCrc { found, expected });
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
    let n_sectors = match last.checked_sub(first) {
        Some(n) => n.saturating_add(1),
        None => {
            return Err(TableError::Reversed {
                number,
                first,
                last,
            });
        }
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
            // Units that are no text become U+FFFD, each one.
            label: String::from_utf16_lossy(&units),
            attributes: long(48),
        }),
    })
}

fn protective(first_sector: &[u8; 512], sector: u64) -> Protective {
    let slots = mbr::slots(first_sector);
    let entries = slots
        .iter()
        .zip(1..)
        .filter(|(slot, _)| slot.type_byte != 0);
    let entries: Vec<Hybrid> = entries
        .map(|(slot, number)| Hybrid {
            slot: number,
            start: Bytes(u64::from(slot.start) * sector),
            len: Bytes(u64::from(slot.n_sectors) * sector),
            entry: slot.entry(),
        })
        .collect();
    let is_cover = |it: &&Hybrid| it.entry.type_byte == mbr::PROTECTIVE;
    Protective {
        disk_id: mbr::disk_id(first_sector),
        active: entries
            .iter()
            .find(is_cover)
            .is_some_and(|it| it.entry.active),
        hybrid: if entries.len() > 1 {
            entries
        } else {
            Vec::new()
        },
    }
}
