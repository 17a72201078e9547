//! Why a base image cannot be built on.

use crate::architecture::Architecture;
use crate::disk::probe::Contents;
use crate::disk::table::TableError;
use crate::fs::ext4::read as ext4;
use crate::fs::fat;
use crate::tree::TreeError;
use std::io;

/// Why a base image cannot be built on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The partition table cannot be used.
    #[error("cannot read the base image's partition table")]
    Table(#[from] TableError),
    /// There is none.
    #[error(
        "the base image has no partition table, it is {what}: expected the image of a whole disk; copy it \
         from the whole disk (/dev/sda, not /dev/sda1), or take the maker's image"
    )]
    Bare {
        /// What begins at its first byte.
        what: Contents,
    },
    /// No partition holds a system.
    #[error(
        "no partition of the base image holds a root filesystem with /etc/os-release and \
         /var/lib/dpkg/status: {}", .found.join(", ")
    )]
    NoRoot {
        /// What each partition holds.
        found: Vec<String>,
    },
    /// The root is on a filesystem that cannot be written.
    #[error(
        "partition {number} of the base image is {what}, and no other one holds a root filesystem: \
         only a root on ext4 can be built on"
    )]
    Foreign {
        /// Number of the partition.
        number: u32,
        /// What it holds.
        what: Contents,
    },
    /// Two systems.
    #[error(
        "partitions {first} and {second} of the base image both hold a root filesystem, expected one"
    )]
    TwoRoots {
        /// Number of one.
        first: u32,
        /// Number of the other.
        second: u32,
    },
    /// An ext4 cannot be read.
    #[error("cannot read the ext4 in partition {number} of the base image")]
    Ext4 {
        /// Number of the partition.
        number: u32,
        /// Why not.
        source: ext4::ReadError,
    },
    /// A FAT cannot be read.
    #[error("cannot read the FAT in partition {number} of the base image")]
    Fat {
        /// Number of the partition.
        number: u32,
        /// Why not.
        source: fat::read::ReadError,
    },
    /// A filesystem is mounted where nothing can be.
    #[error("the base image's fstab mounts partition {number} where nothing can be mounted")]
    Mount {
        /// Number of the partition.
        number: u32,
        /// Why not.
        source: TreeError,
    },
    /// It is for another machine.
    #[error(
        "the base image is for {found}, but the board needs {expected}; take another base or board"
    )]
    Architecture {
        /// What the board is.
        expected: Architecture,
        /// What the base says.
        found: String,
    },
    /// It has no package manager, or one that nothing is known about.
    #[error("the base image has no `{0}`: only systems with dpkg and apt can be built on")]
    NoApt(&'static str),
    /// The disk cannot be read from the store.
    #[error("cannot read the base image")]
    Read(#[from] io::Error),
}
