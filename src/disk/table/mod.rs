//! A partition table, as it is read from an existing disk, laid out by `layout`, and written.
//!
//! ```text
//! MBR   sector 0 | partitions …            logical ones: a chain of further tables, each a sector
//! GPT   protective MBR | header, entries | partitions … | entries, header
//! ```
//!
//! A table that was read is sound: every partition is one or more whole sectors on the disk, and no two
//! share a sector. The value has everything that repacking needs: disk id or GUID, numbers with their
//! gaps, types, names, attributes, boot code. A table that is written and read again gives an equal value.
//! No number on the disk is trusted, and at most 1 MiB of a GPT's entries or 128 logical partitions are
//! read.

mod check;
mod error;
mod gpt;
mod mbr;
mod write;

pub use error::{CopyError, TableError};

use super::device::Device;
use super::probe::{self, Contents};
use super::{gpt as gpt_writer, mbr as mbr_writer};
use crate::seed::uuid_text;
use crate::units::Bytes;

/// The content of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// Partitions.
    Partitions(Table),
    /// A filesystem or similar data that begins at the first byte, without a partition table.
    Bare(Contents),
}

/// A partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The unit of addresses. An MBR does not say it, and is read as one of 512-byte sectors.
    pub sector: Sector,
    /// Bytes 0 to 440 of the disk, which belong to the boot loader.
    pub boot_code: Box<[u8; 440]>,
    /// The kind of the table, with the fields about the whole disk.
    pub kind: Kind,
    /// Ascending by number.
    pub partitions: Vec<Partition>,
}

/// The size of a disk's sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sector {
    /// 512 bytes: nearly every disk and card.
    Of512,
    /// 4096 bytes.
    Of4096,
}

impl Sector {
    /// Bytes of a sector.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Of512 => 512,
            Self::Of4096 => 4096,
        }
    }
}

/// A kind of partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The classic table.
    Mbr {
        /// The disk id; PARTUUIDs derive from it.
        disk_id: u32,
    },
    /// GUID partition table.
    Gpt {
        /// The disk GUID, in text order.
        disk_guid: [u8; 16],
        /// The MBR before it.
        mbr: Protective,
        /// The copy that is broken, if the other one is sound and was read.
        damaged: Option<Damaged>,
    },
}

/// The MBR before a GPT. The default has a single entry over the whole disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protective {
    /// Its disk id, usually 0.
    pub disk_id: u32,
    /// Whether its entry is marked active, which some BIOSes require before they boot.
    pub active: bool,
    /// All entries of a hybrid MBR, also those of type 0xee. An MBR with a single entry has none here.
    pub hybrid: Vec<Hybrid>,
}

/// An entry of a hybrid MBR: a partition for firmware that reads no GPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hybrid {
    /// The number of its slot, 1 to 4.
    pub slot: u8,
    /// First byte.
    pub start: Bytes,
    /// Length.
    pub len: Bytes,
    /// Type and boot mark.
    pub entry: mbr_writer::Entry,
}

/// The broken copy of a GPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// The copy behind the MBR; the one at the end of the disk was read.
    Primary(CopyError),
    /// The copy at the end of the disk.
    Backup(CopyError),
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The number that Linux gives it: the slot in the table, or 5 and more for logical partitions.
    pub number: u32,
    /// First byte; a whole number of sectors.
    pub start: Bytes,
    /// Length; a whole number of sectors, never 0.
    pub len: Bytes,
    /// Its other fields in the table.
    pub entry: Entry,
}

/// The fields of a partition besides its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One of the four entries of an MBR; also of an extended partition, which contains the logical ones.
    Primary(mbr_writer::Entry),
    /// A logical partition, which lies in an extended partition of an MBR.
    Logical {
        /// Type and boot mark.
        entry: mbr_writer::Entry,
        /// Offset of the sector in the chain that holds its entry.
        link: Bytes,
    },
    /// An entry of a GPT.
    Gpt(gpt_writer::Entry),
}

impl Partition {
    /// The first byte behind it.
    pub fn end(&self) -> Bytes {
        Bytes(self.start.0.saturating_add(self.len.0))
    }

    /// Whether it only contains logical partitions.
    pub fn is_extended(&self) -> bool {
        matches!(&self.entry, Entry::Primary(entry) if mbr::is_extended(entry.type_byte))
    }

    /// Whether it lies in an extended partition.
    pub fn is_logical(&self) -> bool {
        matches!(self.entry, Entry::Logical { .. })
    }
}

impl OnDisk {
    /// Reads the table or the kind of the content of `disk`.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, has neither a table nor known content, or has an unsound table.
    pub fn read(disk: &dyn Device) -> Result<Self, TableError> {
        let mut sector = [0; 512];
        if disk.len() < sector.len() as u64 {
            return Err(TableError::too_short(disk.len()));
        }
        read_at(disk, 0, &mut sector)?;
        let has_mark = sector[510..] == [0x55, 0xaa];
        let slots = mbr::slots(&sector);
        if has_mark && slots.iter().any(|slot| slot.type_byte == mbr::PROTECTIVE) {
            return gpt::read(disk, &sector).map(Self::Partitions);
        }
        // The boot sector of a FAT or NTFS also has the mark of an MBR, and boot code instead of entries.
        let read = match has_mark && slots.iter().any(mbr::Slot::is_used) {
            true => Some(mbr::read(disk, &sector)),
            false => None,
        };
        if let Some(Ok(table)) = read {
            return Ok(Self::Partitions(table));
        }
        let io = |source| TableError::Io { offset: 0, source };
        if let Some(contents) = probe::probe(disk).map_err(io)? {
            return Ok(Self::Bare(contents));
        }
        gpt::refuse_unprotected(disk)?;
        match (read, has_mark) {
            (Some(read), _) => read.map(Self::Partitions),
            (None, true) => mbr::read(disk, &sector).map(Self::Partitions),
            (None, false) => Err(TableError::Unusable(format!(
                "there is neither a partition table nor a known filesystem: sector 0 ends with \
                 {:02x} {:02x}, expected 55 aa; is it a disk image?",
                sector[510], sector[511]
            ))),
        }
    }
}

impl Kind {
    /// A new GPT.
    pub fn gpt(disk_guid: [u8; 16]) -> Self {
        Self::Gpt {
            disk_guid,
            mbr: Protective::default(),
            damaged: None,
        }
    }
}

impl Table {
    /// A table without partitions and without boot code, in sectors of 512 bytes.
    pub fn new(kind: Kind) -> Self {
        Self {
            sector: Sector::Of512,
            boot_code: Box::new([0; 440]),
            kind,
            partitions: Vec::new(),
        }
    }

    /// The PARTUUID of a partition, as Linux and `/dev/disk/by-partuuid` spell it.
    pub fn partuuid(&self, partition: &Partition) -> String {
        match (&self.kind, &partition.entry) {
            (_, Entry::Gpt(entry)) => uuid_text(&entry.guid),
            (Kind::Mbr { disk_id }, _) => format!("{disk_id:08x}-{:02x}", partition.number),
            (Kind::Gpt { .. }, _) => String::new(),
        }
    }
}

fn read_at(disk: &dyn Device, offset: u64, into: &mut [u8]) -> Result<(), TableError> {
    let failed = |source| TableError::Io { offset, source };
    disk.read_at(offset, into).map_err(failed)
}

#[cfg(test)]
mod tests;
