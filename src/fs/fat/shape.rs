//! A FAT volume apart from its files: its geometry and its identity.

use super::FatBits;
use super::codepage;
use super::geometry::Geometry;
use crate::epoch::Timestamp;

/// A FAT filesystem apart from its files. [`reseal`](super::reseal) writes it with other files; a
/// caller that wants another label or id changes it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// How the partition is divided, and what else the boot sector says.
    pub shape: Shape,
    /// The volume id: the filesystem UUID of a FAT. Old filesystems have none.
    pub volume_id: Option<u32>,
    /// The label in the boot sector, padded with spaces; `NO NAME    ` if the filesystem has none.
    pub boot_label: Option<[u8; 11]>,
    /// The label in the root directory: the one that systems show.
    pub label: Option<Label>,
}

/// A label as it stands in the root directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// In the code page, padded with spaces.
    pub bytes: [u8; 11],
    /// When it was set.
    pub time: Timestamp,
}

impl Volume {
    /// The filesystem UUID as blkid and fstab spell it.
    pub fn uuid(&self) -> Option<String> {
        let id = self.volume_id?;
        Some(format!("{:04X}-{:04X}", id >> 16, id & 0xffff))
    }

    /// The filesystem label as text.
    pub fn label_text(&self) -> Option<String> {
        let label = self.label?;
        let text: String = label.bytes.into_iter().map(codepage::decode).collect();
        Some(text.trim_end_matches(' ').to_owned())
    }
}

/// How a partition is divided, and the other values of its boot sector. They come from the boot
/// sector of a sound filesystem, or imgbuild has chosen them, and they cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) geometry: Geometry,
    /// The name of the program that formatted the partition.
    pub(super) oem_name: [u8; 8],
    pub(super) media: u8,
    /// Sectors of a track and heads, as a BIOS counts.
    pub(super) sectors_per_track: u16,
    pub(super) heads: u16,
    /// Sectors of the disk before the partition; some BIOSes boot by it.
    pub(super) hidden: u32,
    /// The BIOS's number of the drive.
    pub(super) drive: u8,
    /// The sector of FSInfo on FAT32; 0 or 0xffff if there is none.
    pub(super) fsinfo: u16,
    /// The sector of the copy of the boot sector on FAT32; 0 or 0xffff if there is none.
    pub(super) backup: u16,
    /// The jump to the code.
    pub(super) jump: [u8; 3],
    /// The code behind the fields, up to the signature.
    pub(super) code: Vec<u8>,
}

impl Shape {
    /// Width of an entry of the allocation table.
    pub fn bits(&self) -> FatBits {
        self.geometry.bits
    }
}
