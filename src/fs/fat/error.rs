//! Why a tree does not become a FAT filesystem.

use super::FatBits;
use crate::tree::TreePath;
use crate::units::Bytes;

/// Why a tree does not become a FAT filesystem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatError {
    /// Something that FAT has no notion of.
    #[error("`{path}` is a {kind}, which FAT cannot hold; put it on another filesystem")]
    Kind {
        /// Where it is.
        path: TreePath,
        /// What it is.
        kind: &'static str,
    },
    /// A name that FAT cannot spell.
    #[error("the name of `{path}` cannot stand in a FAT: {reason}")]
    Name {
        /// Where it is.
        path: TreePath,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two names that are one to FAT.
    #[error(
        "`{first}` and `{second}` differ only in case, which FAT does not tell apart; rename one"
    )]
    Case {
        /// The first of them.
        first: TreePath,
        /// The second.
        second: TreePath,
    },
    /// A file that is too long.
    #[error("`{path}` has {} bytes; a file on FAT has at most 4294967295", .len.0)]
    FileTooLong {
        /// Where it is.
        path: TreePath,
        /// Its length.
        len: Bytes,
    },
    /// A directory with too many entries.
    #[error(
        "directory `{path}` needs {found} entries (long names take several); it can have {max}"
    )]
    DirectoryFull {
        /// Where it is.
        path: TreePath,
        /// How many are needed.
        found: usize,
        /// How many there can be.
        max: usize,
    },
    /// The partition cannot hold the files.
    #[error(
        "the files need {needed} clusters of {cluster}, the partition of {len} has {found}; make it larger"
    )]
    Full {
        /// Clusters needed.
        needed: u64,
        /// Clusters there are.
        found: u64,
        /// Size of a cluster.
        cluster: Bytes,
        /// Length of the partition.
        len: Bytes,
    },
    /// The length allows no such filesystem.
    #[error("{} cannot be {len} long; expected whole sectors, from {min} to {max}", kind(.bits))]
    Len {
        /// The width asked for, if any.
        bits: Option<FatBits>,
        /// The length asked for.
        len: Bytes,
        /// The shortest.
        min: Bytes,
        /// The longest.
        max: Bytes,
    },
    /// A label that cannot be written.
    #[error(
        "`{0}` cannot be a FAT label: expected up to 11 ASCII characters, none of \"*+,./:;<=>?[\\]|, no space at either end"
    )]
    Label(String),
}

fn kind(bits: &Option<FatBits>) -> &'static str {
    match bits {
        None => "a FAT filesystem",
        Some(FatBits::Fat12) => "a FAT12 filesystem",
        Some(FatBits::Fat16) => "a FAT16 filesystem",
        Some(FatBits::Fat32) => "a FAT32 filesystem",
    }
}
