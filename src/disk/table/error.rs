//! The errors of partition tables.

use std::io;

/// Why a partition table is not read, or not written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The disk cannot be read.
    #[error("cannot read the partition table at byte {offset}")]
    Io {
        /// The first byte that was asked for.
        offset: u64,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Neither copy of a GPT is sound.
    #[error("both copies of the GPT are broken: the first: {primary}; the last: {backup}")]
    Gpt {
        /// The fault of the copy behind the MBR.
        primary: CopyError,
        /// The fault of the copy at the end of the disk.
        backup: CopyError,
    },
    /// There is no table, or the table contradicts the disk, itself or its own format.
    #[error("{0}")]
    Unusable(String),
}

impl TableError {
    pub(super) fn too_short(len: u64) -> Self {
        Self::Unusable(format!(
            "a disk of {len} bytes has no room for a partition table"
        ))
    }
}

/// A fault of one copy of a GPT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The sector of this number does not hold a header.
    #[error("sector {0} has no `EFI PART`")]
    NoHeader(u64),
    /// The header or the entries are damaged, or the two copies differ.
    #[error("{0}")]
    Unsound(String),
}
