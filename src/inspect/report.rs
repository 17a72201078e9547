//! The report about an image, as a value.

use super::error::InspectError;
use super::filesystem::Filesystem;
use super::image::Image;
use super::loaders::{BootLoader, boot_loaders};
use super::origins::OriginsReport;
use super::system::{System, root_tree};
use super::table::{PartitionEntry, TableReport};
use super::volume::Disk;
use crate::base::packing::Packing;
use serde::Serialize;

/// Everything that is known about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The format of the file: `raw`, `xz`, `gzip`, `zstd`, `bzip2` or `zip`.
    pub packing: &'static str,
    /// Bytes of the file.
    pub file_size: u64,
    /// Bytes of the disk.
    pub disk_size: u64,
    /// The partition table, unless the image is one filesystem without a table.
    pub table: Option<TableReport>,
    /// The partitions by number.
    pub partitions: Vec<PartitionReport>,
    /// The boot loaders.
    pub boot_loaders: Vec<BootLoader>,
    /// The operating systems, by the numbers of their root partitions.
    pub systems: Vec<System>,
    /// Who wrote the files, if a manifest of the image says so.
    pub origins: Option<OriginsReport>,
    /// The places that could not be read, and why. The report is complete apart from them.
    pub faults: Vec<String>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    /// Its entry in the table.
    #[serde(flatten)]
    pub entry: PartitionEntry,
    /// The format of its content, if it is known.
    pub contents: Option<String>,
    /// Its filesystem, if that can be read.
    pub filesystem: Option<Filesystem>,
    /// The number of files, directories and other nodes, if they can be read.
    pub nodes: Option<usize>,
}

impl Report {
    /// Opens the filesystems of `image` and describes it.
    ///
    /// # Errors
    ///
    /// The image has no partition table and no filesystem, or an unsound table. A damaged filesystem is a fault in the
    /// report.
    pub fn read(image: &Image) -> Result<Self, InspectError> {
        Ok(Self::of(image, &Disk::read(image)?))
    }

    /// Describes `image`, whose partitions are in `disk`.
    pub fn of(image: &Image, disk: &Disk) -> Self {
        let mut faults: Vec<String> = disk.table.iter().filter_map(TableReport::fault).collect();
        for volume in &disk.volumes {
            let number = volume.entry.number;
            let named = |fault: &String| format!("partition {number}: {fault}");
            faults.extend(volume.fault.as_ref().map(named));
        }
        let (boot_loaders, unread) = boot_loaders(image, disk);
        faults.extend(unread);
        let system = |volume| Some(System::read(image, disk, volume, root_tree(volume)?));
        let systems: Vec<System> = disk.volumes.iter().filter_map(system).collect();
        for system in &systems {
            let named = |fault: &String| format!("partition {}: {fault}", system.partition);
            faults.extend(system.faults.iter().map(named));
        }
        let partitions = disk.volumes.iter().map(|volume| PartitionReport {
            entry: volume.entry.clone(),
            contents: volume.contents.map(|it| it.to_string()),
            filesystem: volume.filesystem.clone(),
            nodes: volume.tree.as_ref().map(|tree| tree.link_counts().len()),
        });
        Self {
            packing: packing(image.packing),
            file_size: image.file_len,
            disk_size: image.device().len(),
            table: disk.table.as_ref().map(TableReport::of),
            partitions: partitions.collect(),
            boot_loaders,
            systems,
            origins: None,
            faults,
        }
    }
}

fn packing(packing: Packing) -> &'static str {
    match packing {
        Packing::Raw => "raw",
        Packing::Xz => "xz",
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
        Packing::Bzip2 => "bzip2",
        Packing::Zip => "zip",
    }
}
