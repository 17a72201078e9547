//! What a filesystem says about itself: its identity, its size, its free space and its features.

use crate::fs::ext4::read as ext4;
use crate::fs::ext4::read::feature;
use crate::fs::fat;
use crate::seed::uuid_text;
use serde::Serialize;

/// A filesystem whose files can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// `ext2`, `ext3`, `ext4`, `FAT12`, `FAT16` or `FAT32`.
    pub format: String,
    /// The filesystem UUID, as blkid spells it.
    pub uuid: Option<String>,
    /// The filesystem label.
    pub label: Option<String>,
    /// Bytes of a block of ext4, or of a cluster of FAT.
    pub block_size: u64,
    /// Bytes of all blocks or clusters.
    pub size: u64,
    /// Bytes of the free ones, those that only root may use among them.
    pub free: u64,
    /// The number of inodes and of free ones; FAT has none.
    pub inodes: Option<Inodes>,
    /// The features that ext4 has, by the names of dumpe2fs.
    pub features: Vec<String>,
    /// Whether the journal has changes that the rest of the filesystem lacks, because it was not unmounted.
    pub needs_recovery: bool,
}

/// How many inodes a filesystem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Inodes {
    /// All.
    pub count: u32,
    /// The free ones.
    pub free: u64,
}

impl Filesystem {
    /// Describes an ext filesystem, which is `format`.
    pub(super) fn of_ext4(format: String, filesystem: &ext4::Filesystem<'_>) -> Self {
        let superblock = filesystem.superblock();
        let (free, free_inodes) = filesystem.free_counts();
        let label = String::from_utf8_lossy(&superblock.label).into_owned();
        Self {
            format,
            uuid: Some(uuid_text(&superblock.uuid)),
            label: (!label.is_empty()).then_some(label),
            block_size: superblock.block_size.into(),
            size: superblock.n_bytes(),
            free,
            inodes: Some(Inodes {
                count: superblock.n_inodes,
                free: free_inodes,
            }),
            features: superblock
                .features
                .iter()
                .map(|it| it.to_string())
                .collect(),
            needs_recovery: superblock.features.has(feature::NEEDS_RECOVERY),
        }
    }

    /// Describes a FAT filesystem.
    pub(super) fn of_fat(
        filesystem: &fat::read::Filesystem<'_>,
    ) -> Result<Self, fat::read::ReadError> {
        let volume = filesystem.volume()?;
        let (size, free) = filesystem.space()?;
        let format = match volume.shape.bits() {
            fat::FatBits::Fat12 => "FAT12",
            fat::FatBits::Fat16 => "FAT16",
            fat::FatBits::Fat32 => "FAT32",
        };
        Ok(Self {
            format: format.to_owned(),
            uuid: volume.uuid(),
            label: volume.label_text(),
            block_size: filesystem.cluster(),
            size,
            free,
            inodes: None,
            features: Vec::new(),
            needs_recovery: false,
        })
    }
}
