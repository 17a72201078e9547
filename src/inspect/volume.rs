//! The partitions of an image with the files in them. A partition that cannot be read has a fault, and does not keep
//! the others from being read.

use super::error::{InspectError, chain};
use super::filesystem::Filesystem;
use super::image::Image;
use super::table::PartitionEntry;
use crate::base::fstab::What;
use crate::disk::device::Part;
use crate::disk::probe::{self, Contents};
use crate::disk::table::{OnDisk, Table};
use crate::fs::ext4::read as ext4;
use crate::fs::fat;
use crate::tree::{Slice, Tree};

/// The partitions of an image.
#[derive(Debug)]
pub struct Disk {
    /// The table, unless the image is one filesystem without a table.
    pub table: Option<Table>,
    /// The partitions by number. An image without a table has one, of number 0.
    pub volumes: Vec<Volume>,
}

/// A partition.
#[derive(Debug)]
pub struct Volume {
    /// Its entry in the table.
    pub entry: PartitionEntry,
    /// The format of its content, if it is known.
    pub contents: Option<Contents>,
    /// The filesystem, if it can be read.
    pub filesystem: Option<Filesystem>,
    /// The files, if they can be read.
    pub tree: Option<Tree>,
    /// The reason why the filesystem or its files cannot be read although their format is supported.
    pub fault: Option<String>,
}

impl Disk {
    /// Reads the table of `image`, and every filesystem.
    ///
    /// # Errors
    ///
    /// The table cannot be read, or is unsound.
    pub fn read(image: &Image) -> Result<Self, InspectError> {
        let device = image.device();
        let read = OnDisk::read(device).map_err(|source| InspectError::Table {
            path: image.path().to_owned(),
            source,
        })?;
        let (table, entries) = match read {
            OnDisk::Bare(_) => (None, vec![(PartitionEntry::bare(device.len()), false)]),
            OnDisk::Partitions(table) => {
                let partitions = table.partitions.iter();
                let entries = partitions.map(|partition| {
                    let entry = PartitionEntry::of(&table, partition);
                    (entry, partition.is_extended())
                });
                let entries = entries.collect();
                (Some(table), entries)
            }
        };
        let volumes = entries.into_iter().map(|(entry, is_extended)| {
            let mut volume = Volume::empty(entry);
            if !is_extended {
                volume.read(image);
            }
            volume
        });
        Ok(Self {
            volumes: volumes.collect(),
            table,
        })
    }

    /// The partition `number`.
    pub fn volume(&self, number: u32) -> Option<&Volume> {
        self.volumes.iter().find(|it| it.entry.number == number)
    }
}

/// A filesystem and its files; the files, or both, may have a fault.
type Opened = (Option<Filesystem>, Result<Tree, String>);

impl Volume {
    fn empty(entry: PartitionEntry) -> Self {
        Self {
            entry,
            contents: None,
            filesystem: None,
            tree: None,
            fault: None,
        }
    }

    /// Whether its files can be read and it has the name `what`.
    pub(super) fn is(&self, disk: &Disk, what: &What) -> bool {
        let (Some(_), Some(filesystem)) = (&self.tree, &self.filesystem) else {
            return false;
        };
        let (uuid, label) = (filesystem.uuid.as_deref(), filesystem.label.as_deref());
        let number = self.entry.number;
        what.is_filesystem(uuid, label)
            && disk.table.as_ref().is_none_or(|table| {
                let mut partitions = table.partitions.iter();
                let partition = partitions.find(|partition| partition.number == number);
                partition.is_some_and(|partition| what.may_be(table, partition))
            })
    }

    /// Reads the filesystem.
    fn read(&mut self, image: &Image) {
        let (start, len) = (self.entry.start, self.entry.size);
        let Some(part) = Part::new(image.device(), start, len) else {
            self.fault = Some(format!(
                "it ends at byte {}, behind the end of the disk at byte {}; is the image cut off?",
                start.saturating_add(len),
                image.device().len()
            ));
            return;
        };
        match probe::probe(&part) {
            Ok(contents) => self.contents = contents,
            Err(error) => {
                self.fault = Some(chain(&error));
                return;
            }
        }
        let place = image.slice(start, len);
        let (filesystem, tree) = match self.contents {
            Some(contents @ (Contents::Ext2 | Contents::Ext3 | Contents::Ext4)) => {
                ext4(contents.to_string(), &part, &place)
            }
            Some(Contents::Fat) => fat(&part, &place),
            _ => return,
        };
        self.filesystem = filesystem;
        match tree {
            Ok(tree) => self.tree = Some(tree),
            Err(fault) => self.fault = Some(fault),
        }
    }
}

fn ext4(format: String, part: &Part<'_>, place: &Slice) -> Opened {
    match ext4::Filesystem::open(part) {
        Ok(filesystem) => (
            Some(Filesystem::of_ext4(format, &filesystem)),
            filesystem.tree(place).map_err(|error| chain(&error)),
        ),
        Err(error) => (None, Err(chain(&error))),
    }
}

fn fat(part: &Part<'_>, place: &Slice) -> Opened {
    let filesystem = match fat::read::Filesystem::open(part) {
        Ok(filesystem) => filesystem,
        Err(error) => return (None, Err(chain(&error))),
    };
    let tree = filesystem.tree(place).map_err(|error| chain(&error));
    match Filesystem::of_fat(&filesystem) {
        Ok(described) => (Some(described), tree),
        Err(error) => (None, tree.and(Err(chain(&error)))),
    }
}
