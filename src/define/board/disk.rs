//! The disk of a board: the partition table, the partitions, their types and filesystems.

use crate::architecture::Architecture;
use crate::units::Bytes;
use serde::Serialize;

/// The partition table, and the rules for all partitions.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// The kind of the partition table.
    pub table: Table,
    /// Every partition starts at a multiple of this size.
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
    /// The name in the board file; in a GPT also the partition label.
    pub name: String,
    /// The partition type.
    #[serde(rename = "type")]
    pub kind: PartitionType,
    /// The start; without it, the partition starts after the one before.
    pub start: Option<Bytes>,
    /// The length.
    pub size: Size,
    /// The filesystem.
    pub filesystem: Filesystem,
    /// The filesystem label; may be empty.
    pub label: String,
    /// The mount point: the part of the root tree below this path is the content of the partition.
    pub mount: Option<String>,
    /// Mount options.
    pub options: Vec<String>,
    /// Whether the partition is marked as active in an MBR.
    pub bootable: bool,
}

/// The length of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// A fixed number of bytes.
    Fixed(Bytes),
    /// The length that the content needs, with the `root-margin` of the profile.
    Content,
}

/// The type of a partition in the partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionType {
    /// EFI system partition.
    Esp,
    /// The BIOS boot partition, which holds GRUB's core image.
    BiosBoot,
    /// The root filesystem; in a GPT the type that names the architecture.
    Root,
    /// A Linux filesystem.
    Linux,
    /// FAT32 with LBA addressing, as Raspberry Pi firmware looks for it.
    Fat32Lba,
}

impl PartitionType {
    /// The type byte in an MBR; `None` if only a GPT has the type.
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

/// The filesystem of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filesystem {
    /// ext4.
    Ext4,
    /// FAT32.
    Fat32,
    /// The partition has no filesystem; it is empty or holds a blob.
    None,
}
