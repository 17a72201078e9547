//! The partition table of an image and its partitions, by the names that sfdisk gives to their fields.

use crate::disk::table::{Damaged, Entry, Kind, Partition, Table};
use crate::seed::uuid_text;
use serde::Serialize;

/// A partition table without its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// `gpt` or `dos`.
    pub label: &'static str,
    /// The disk GUID, or the disk id as `0x…`.
    pub id: String,
    /// Bytes of a sector; a `dos` table does not say it.
    pub sector_size: u64,
    /// The partitions of a hybrid MBR, which firmware sees that reads no GPT, by their numbers in the MBR.
    pub hybrid: Vec<u8>,
}

/// A partition, as the table has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionEntry {
    /// The number that Linux gives it; 0 for a filesystem without a partition table.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// The partition type GUID in capitals, or the type byte in hexadecimal digits.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the type, if it is a well-known one.
    pub type_name: Option<&'static str>,
    /// The PARTUUID.
    pub partuuid: Option<String>,
    /// The PARTLABEL.
    pub partlabel: Option<String>,
    /// Whether it is marked active in an MBR, or bootable by a legacy BIOS in a GPT.
    pub bootable: bool,
}

/// The types that images have, by type byte.
const TYPES: [(u8, &str); 11] = [
    (0x01, "FAT12"),
    (0x05, "extended"),
    (0x06, "FAT16"),
    (0x07, "NTFS or exFAT"),
    (0x0b, "FAT32"),
    (0x0c, "FAT32 by LBA"),
    (0x0e, "FAT16 by LBA"),
    (0x0f, "extended by LBA"),
    (0x82, "Linux swap"),
    (0x83, "Linux"),
    (0xef, "EFI system"),
];

/// The types that images have, by partition type GUID (UEFI, the Discoverable Partitions Specification).
const TYPE_GUIDS: [(&str, &str); 10] = [
    ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system"),
    ("21686148-6449-6e6f-744e-656564454649", "BIOS boot"),
    ("0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux"),
    ("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap"),
    (
        "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
        "Linux root (x86-64)",
    ),
    ("b921b045-1df0-41c3-af44-4c6f280d3fae", "Linux root (arm64)"),
    ("69dad710-2ce4-4e3c-b16c-21a1d49abed3", "Linux root (arm)"),
    (
        "bc13c2ff-59e6-4262-a352-b275fd6f7172",
        "Linux extended boot",
    ),
    ("933ac7e1-2eb4-4f13-b844-0e14e2aef915", "Linux home"),
    ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "basic data"),
];

/// The attribute of a GPT's partition from which a legacy BIOS boots.
const LEGACY_BOOTABLE: u64 = 1 << 2;

impl TableReport {
    /// Describes `table`.
    pub(super) fn of(table: &Table) -> Self {
        let (label, id) = match &table.kind {
            Kind::Mbr { disk_id } => ("dos", format!("{disk_id:#010x}")),
            Kind::Gpt { disk_guid, .. } => ("gpt", uuid_text(disk_guid).to_uppercase()),
        };
        let hybrid = match &table.kind {
            Kind::Gpt { mbr, .. } => mbr.hybrid.iter().map(|it| it.slot).collect(),
            Kind::Mbr { .. } => Vec::new(),
        };
        Self {
            label,
            id,
            sector_size: table.sector.bytes(),
            hybrid,
        }
    }

    /// The damage of `table`, which has another sound copy.
    pub(super) fn fault(table: &Table) -> Option<String> {
        let Kind::Gpt { damaged, .. } = &table.kind else {
            return None;
        };
        damaged.as_ref().map(|damaged| match damaged {
            Damaged::Primary(fault) => format!("the first copy of the GPT is damaged: {fault}"),
            Damaged::Backup(fault) => {
                format!("the copy of the GPT at the end of the disk is damaged: {fault}")
            }
        })
    }
}

impl PartitionEntry {
    /// Describes `partition` of `table`.
    pub(super) fn of(table: &Table, partition: &Partition) -> Self {
        let (kind, type_name, partlabel, bootable) = match &partition.entry {
            Entry::Primary(entry) | Entry::Logical { entry, .. } => (
                format!("{:x}", entry.type_byte),
                known(&TYPES, &entry.type_byte),
                None,
                entry.active,
            ),
            Entry::Gpt(entry) => {
                let guid = uuid_text(&entry.type_guid);
                let label = (!entry.label.is_empty()).then(|| entry.label.clone());
                (
                    guid.to_uppercase(),
                    known(&TYPE_GUIDS, &guid.as_str()),
                    label,
                    entry.attributes & LEGACY_BOOTABLE != 0,
                )
            }
        };
        Self {
            number: partition.number,
            start: partition.start.0,
            size: partition.len.0,
            kind,
            type_name,
            partuuid: Some(table.partuuid(partition)),
            partlabel,
            bootable,
        }
    }

    /// Describes a disk of `size` bytes, which is one filesystem without a partition table.
    pub(super) fn bare(size: u64) -> Self {
        Self {
            number: 0,
            start: 0,
            size,
            kind: String::new(),
            type_name: None,
            partuuid: None,
            partlabel: None,
            bootable: false,
        }
    }
}

fn known<K: PartialEq>(names: &[(K, &'static str)], kind: &K) -> Option<&'static str> {
    let mut names = names.iter();
    names.find(|(key, _)| key == kind).map(|(_, name)| *name)
}
