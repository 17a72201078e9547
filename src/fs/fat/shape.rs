//! What a rewrite keeps of a filesystem that was there: its geometry and its identity.

use super::FatBits;
use super::geometry::FIRST_CLUSTER;
use super::read::codepage;
use crate::epoch::Timestamp;

/// Everything but the files. Whoever wants another label or id changes it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How the partition is divided, and what else the boot sector says.
    pub shape: Shape,
    /// The volume id: the filesystem UUID of a FAT. Old filesystems have none.
    pub volume_id: Option<u32>,
    /// The label in the boot sector, padded with spaces; `NO NAME    ` where there is none.
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

impl Kept {
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

/// The geometry. All counts are in sectors of `sector` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Width of an entry of the allocation table.
    pub bits: FatBits,
    /// Bytes of a sector: 512, 1024, 2048 or 4096.
    pub sector: u64,
    /// Sectors of a cluster: a power of two up to 128.
    pub sectors_per_cluster: u64,
    /// Sectors before the first table.
    pub reserved: u64,
    /// Copies of the table: 1 or 2.
    pub n_tables: u64,
    /// Sectors of a table.
    pub table_sectors: u64,
    /// Entries of the root directory of FAT12 and FAT16; 0 on FAT32.
    pub root_entries: u64,
    /// Sectors of the whole filesystem.
    pub n_sectors: u64,
    /// The name of what formatted it.
    pub oem_name: [u8; 8],
    /// The media byte.
    pub media: u8,
    /// Sectors of a track, as a BIOS counts.
    pub sectors_per_track: u16,
    /// Heads, as a BIOS counts.
    pub heads: u16,
    /// Sectors of the disk before the partition; some BIOSes boot by it.
    pub hidden: u32,
    /// The BIOS's number of the drive.
    pub drive: u8,
    /// Where FSInfo is on FAT32; 0 or 0xffff if nowhere.
    pub fsinfo: u64,
    /// Where the copies of the boot sector and FSInfo are on FAT32; 0 or 0xffff if nowhere.
    pub backup: u64,
    /// The jump to the code.
    pub jump: [u8; 3],
    /// The code behind the fields, up to the signature.
    pub code: Vec<u8>,
}

/// Sectors that a table for `n_clusters` needs.
pub(super) fn table_sectors(bits: FatBits, n_clusters: u64, sector: u64) -> u64 {
    let entries = n_clusters + u64::from(FIRST_CLUSTER);
    let width = match bits {
        FatBits::Fat12 => 12,
        FatBits::Fat16 => 16,
        FatBits::Fat32 => 32,
    };
    (entries * width).div_ceil(8 * sector)
}
