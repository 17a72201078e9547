//! What a board file says of its disk: the partition table, the partitions, their types and filesystems.

use crate::architecture::Architecture;
use crate::units::Bytes;
use serde::Serialize;

/// The partition table and what all partitions obey.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// Its kind.
    pub table: Table,
    /// Every partition starts at a multiple of this.
    pub alignment: Bytes,
    /// The smallest card or disk that the image is meant for.
    pub min_size: Bytes,
}

/// A kind of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Master boot record: four primary partitions.
    Mbr,
    /// GUID partition table.
    Gpt,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// How this file refers to it; in a GPT also its partition label.
    pub name: String,
    /// Its type in the table.
    #[serde(rename = "type")]
    pub kind: PartitionType,
    /// Where it starts; behind the partition before where not given.
    pub start: Option<Bytes>,
    /// How long it is.
    pub size: Size,
    /// What it is formatted as.
    pub filesystem: Filesystem,
    /// The filesystem label; may be empty.
    pub label: String,
    /// Where it is mounted: the part of the root tree below this path is its content.
    pub mount: Option<String>,
    /// Mount options.
    pub options: Vec<String>,
    /// Whether an MBR marks it active.
    pub bootable: bool,
}

/// The length of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// This many bytes.
    Fixed(Bytes),
    /// As long as its content needs, with the profile's `root-margin`.
    Content,
}

/// What stands in the table as the type of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionType {
    /// EFI system partition.
    Esp,
    /// Where GRUB's core image lies for BIOS machines.
    BiosBoot,
    /// The root filesystem; in a GPT the type that names the architecture.
    Root,
    /// A Linux filesystem.
    Linux,
    /// FAT32 with LBA addressing, as Raspberry Pi firmware looks for it.
    Fat32Lba,
}

impl PartitionType {
    /// The type byte of an MBR; nothing where only a GPT has such a type.
    pub fn mbr(self) -> Option<u8> {
        match self {
            Self::Esp => Some(0xef),
            Self::BiosBoot => None,
            Self::Root | Self::Linux => Some(0x83),
            Self::Fat32Lba => Some(0x0c),
        }
    }

    /// The type GUID of a GPT (UEFI 2.10 §5.3.3, the Discoverable Partitions Specification, GRUB's
    /// manual).
    pub fn gpt(self, architecture: Architecture) -> &'static str {
        match (self, architecture) {
            (Self::Esp, _) => "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
            (Self::BiosBoot, _) => "21686148-6449-6E6F-744E-656564454649",
            (Self::Root, Architecture::Amd64) => "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
            (Self::Root, Architecture::Arm64) => "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
            (Self::Root, Architecture::Armhf) => "69DAD710-2CE4-4E3C-B16C-21A1D49ABED3",
            (Self::Linux, _) => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
            (Self::Fat32Lba, _) => "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
        }
    }
}

/// A filesystem, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filesystem {
    /// ext4.
    Ext4,
    /// FAT32.
    Fat32,
    /// Nothing, or a blob.
    None,
}
