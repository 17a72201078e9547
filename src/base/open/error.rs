//! The errors of opening a base image.

use crate::architecture::Architecture;
use crate::disk::probe::Contents;
use crate::disk::table::TableError;
use crate::fs::ext4::read as ext4;
use crate::fs::fat;
use crate::tree::TreeError;
use std::io;

/// Why packages cannot be installed on a base image.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The partition table cannot be used.
    #[error("cannot read the image's partition table")]
    Table(#[from] TableError),
    /// There is no partition table.
    #[error(
        "the base image has no partition table, it is {what}: expected the image of a whole disk; copy it \
         from the whole disk (/dev/sda, not /dev/sda1), or take the maker's image"
    )]
    Bare {
        /// The content of the disk.
        what: Contents,
    },
    /// No partition has a root filesystem.
    #[error(
        "no partition of the base image holds a root filesystem with /etc/os-release and \
         /var/lib/dpkg/status: {}", .found.join(", ")
    )]
    NoRoot {
        /// The content of each partition.
        found: Vec<String>,
    },
    /// The root filesystem has a format that cannot be written.
    #[error(
        "partition {number} of the base image is {what}, and no other one holds a root filesystem: \
         only a root on ext4 can be built on"
    )]
    Foreign {
        /// Number of the partition.
        number: u32,
        /// Its content.
        what: Contents,
    },
    /// Two partitions have a root filesystem.
    #[error(
        "partitions {first} and {second} of the base image both hold a root filesystem, expected one"
    )]
    TwoRoots {
        /// Number of the first partition.
        first: u32,
        /// Number of the second.
        second: u32,
    },
    /// An ext4 cannot be read.
    #[error("cannot read the ext4 in partition {number} of the base image")]
    Ext4 {
        /// Number of the partition.
        number: u32,
        /// The error of the filesystem.
        source: ext4::ReadError,
    },
    /// A FAT cannot be read.
    #[error("cannot read the FAT in partition {number} of the base image")]
    Fat {
        /// Number of the partition.
        number: u32,
        /// The error of the filesystem.
        source: fat::read::ReadError,
    },
    /// A mount point cannot be used.
    #[error("the base image's fstab mounts partition {number} where nothing can be mounted")]
    Mount {
        /// Number of the partition.
        number: u32,
        /// The error of the filesystem.
        source: TreeError,
    },
    /// The base image has another architecture than the board.
    #[error(
        "the base image is for {found}, but the board needs {expected}; take another base or board"
    )]
    Architecture {
        /// The architecture of the board.
        expected: Architecture,
        /// The architecture of the base image.
        found: String,
    },
    /// The base image has no dpkg or no apt.
    #[error("the base image has no `{0}`: only systems with dpkg and apt can be built on")]
    NoApt(&'static str),
    /// A file of the root filesystem cannot be read, for example because its inode has an absurd length.
    #[error("cannot read `{path}` of the base image")]
    File {
        /// The file.
        path: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The disk cannot be read from the store.
    #[error("cannot read the image")]
    Read(#[from] io::Error),
}
