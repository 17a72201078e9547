//! A filesystem of a base image.

use crate::base::fstab::What;
use crate::fs::ext4::{Difference, Params};
use crate::fs::fat;
use crate::seed::uuid_text;
use crate::tree::{Tree, TreePath};
use std::ops::Range;

/// A mounted filesystem.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The number of its partition.
    pub number: u32,
    /// The mount point.
    pub mount: TreePath,
    /// The format, with the parameters that repacking keeps.
    pub format: Format,
    /// Its content.
    pub tree: Tree,
    /// The spans of the disk, ascending, that the filesystem has given to no file.
    pub free: Vec<Range<u64>>,
}

/// The format of a filesystem that can be repacked.
#[derive(Clone, Debug)]
pub enum Format {
    /// ext4, ext3 or ext2.
    Ext4 {
        /// The parameters for a new filesystem like it.
        params: Box<Params>,
        /// The differences of the new filesystem.
        differences: Vec<Difference>,
    },
    /// FAT.
    Fat(Box<fat::Volume>),
}

impl Volume {
    /// Whether the filesystem is `what`. Names of its partition are in the table and were compared before.
    pub fn is(&self, what: &What) -> bool {
        let (uuid, label) = match &self.format {
            Format::Ext4 { params, .. } => (
                Some(uuid_text(&params.uuid)),
                Some(String::from_utf8_lossy(&params.label).into_owned()),
            ),
            Format::Fat(volume) => (volume.uuid(), volume.label_text()),
        };
        what.is_filesystem(uuid.as_deref(), label.as_deref())
    }
}
