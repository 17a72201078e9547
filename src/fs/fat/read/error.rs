//! Why a FAT filesystem is not read: the disk, our limits, or its own data.

use crate::disk::device::Device;
use crate::disk::probe::Contents;
use crate::tree::TreePath;
use std::io;

/// Why a FAT filesystem cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The device cannot be read.
    #[error("cannot read the FAT filesystem at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The filesystem may be sound, but this reader has a limit.
    #[error("this FAT filesystem is not supported: {0}")]
    Unsupported(#[from] Unsupported),
    /// The filesystem contradicts itself.
    #[error("the FAT filesystem is corrupt: {0}; `fsck.fat` may repair it")]
    Corrupt(#[from] Corrupt),
}

/// A limit of this reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The partition has another filesystem or no filesystem.
    #[error("it is {}", .found.map_or("no filesystem that has a name".into(), |it| it.to_string()))]
    Other {
        /// What it is.
        found: Option<Contents>,
    },
    /// Directories in directories without end.
    #[error("directory `{path}` lies more than {max} levels deep")]
    Depth {
        /// The first one that is too deep.
        path: TreePath,
        /// The limit.
        max: usize,
    },
    /// There are more files than on any boot partition.
    #[error("it has more than {max} files and directories")]
    Nodes {
        /// The limit.
        max: usize,
    },
    /// A name that Linux cannot have.
    #[error("the name `{name}` in `{directory}` cannot be a file name")]
    Name {
        /// Where it is.
        directory: TreePath,
        /// The name, with what is no text escaped.
        name: String,
    },
}

/// A contradiction within the filesystem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// A field of the boot sector has an impossible value.
    #[error("its boot sector says {found} as {field}, expected {expected}")]
    Boot {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: u64,
        /// What it could say.
        expected: &'static str,
    },
    /// The partition is shorter than the filesystem.
    #[error("it has {expected} bytes, its partition {found}; is the image cut off?")]
    Cut {
        /// Bytes by the boot sector.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Tables too short for the clusters.
    #[error("each of its tables has {found} sectors, {n_clusters} clusters need {expected}")]
    ShortTable {
        /// Sectors there are.
        found: u64,
        /// Sectors needed.
        expected: u64,
        /// How many clusters there are.
        n_clusters: u64,
    },
    /// A chain leads to a number that is not a cluster.
    #[error(
        "the chain of `{path}` leads from cluster {from} to {to}, which is {what}; clusters are 2 to {last}"
    )]
    Link {
        /// Whose chain it is.
        path: TreePath,
        /// Where the link is; 0 for the directory entry.
        from: u32,
        /// Where it leads.
        to: u32,
        /// What that number means.
        what: &'static str,
        /// The last cluster.
        last: u32,
    },
    /// Two chains that meet, or one that comes back to itself.
    #[error(
        "the chain of `{path}` leads from cluster {from} to {to}, which belongs to it or to another file already"
    )]
    Shared {
        /// Whose chain it is.
        path: TreePath,
        /// Where the link is; 0 for the directory entry.
        from: u32,
        /// Where it leads.
        to: u32,
    },
    /// A file that is longer than its chain.
    #[error("`{path}` has {len} bytes, but clusters for {found} only")]
    ShortChain {
        /// Which file.
        path: TreePath,
        /// Its length.
        len: u64,
        /// Bytes of its clusters.
        found: u64,
    },
    /// A directory without any cluster.
    #[error("directory `{path}` has no cluster")]
    NoCluster {
        /// Which directory.
        path: TreePath,
    },
    /// A directory of more than 2 MiB.
    #[error("directory `{path}` has {found} bytes, at most 2097152 are possible")]
    LongDirectory {
        /// Which directory.
        path: TreePath,
        /// Its length.
        found: u64,
    },
    /// A name that a directory has twice.
    #[error("`{path}` is there twice")]
    Twice {
        /// Where.
        path: TreePath,
    },
}

/// Reads from byte `offset` of `device` on.
pub(super) fn read_at(device: &dyn Device, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
    let failed = |source| ReadError::Io { offset, source };
    device.read_at(offset, into).map_err(failed)
}
