//! Why a filesystem cannot be read: the device fails, this reader has a limit, or the data is
//! wrong.

mod corrupt;
mod journal;

pub use corrupt::Corrupt;
pub use journal::{JournalFault, JournalLimit};

use crate::fs::ext4::format::feature::Feature;
use std::io;

/// A filesystem that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The device fails.
    #[error("cannot read {len} bytes at byte {offset} of the ext4 filesystem")]
    Io {
        /// First byte, counted from the start of the filesystem.
        offset: u64,
        /// Number of bytes.
        len: usize,
        /// The error of the device.
        source: io::Error,
    },
    /// The device fails within the journal.
    #[error("cannot read block {block} of the journal of the ext4 filesystem")]
    JournalIo {
        /// The block, counted from the start of the journal.
        block: u32,
        /// The error of the device.
        source: io::Error,
    },
    /// A limit of this reader.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The data is wrong.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// Something that ext4 allows and this reader does not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Features that change the format.
    #[error("the ext4 filesystem has the feature {}, which imgbuild does not read", quoted(.0))]
    Features(Vec<Feature>),
    /// A revision that ext4 does not have.
    #[error("the ext4 filesystem has revision {found}: expected 0 or 1")]
    Revision {
        /// `s_rev_level`.
        found: u32,
    },
    /// Hurd keeps other things in the fields of an inode.
    #[error("the ext4 filesystem was made for GNU/Hurd: expected one for Linux")]
    Hurd,
    /// Blocks of an unusual size.
    #[error("the ext4 filesystem has blocks of {bytes} bytes: expected 1024 to 65536")]
    BlockSize {
        /// Bytes in a block.
        bytes: u64,
    },
    /// A file that needs a key.
    #[error("inode {ino} is encrypted; leave it out of the base image")]
    Encrypted {
        /// The inode.
        ino: u32,
    },
    /// A file under fs-verity.
    #[error(
        "inode {ino} is sealed by fs-verity, which a copy would lose; disable it in the base image"
    )]
    Verity {
        /// The inode.
        ino: u32,
    },
    /// An extended attribute of a kind that Linux's ext4 does not show.
    #[error("inode {ino} has an extended attribute with name index {index}: expected 1 to 4, or 6")]
    XattrIndex {
        /// The inode.
        ino: u32,
        /// `e_name_index`.
        index: u8,
    },
    /// More extended attributes than any real filesystem has, as many inodes share them.
    #[error("extended attributes take more than {limit} bytes when each inode has its own")]
    XattrBytes {
        /// Length of the filesystem.
        limit: u64,
    },
    /// A journal on another device, with changes that this one lacks.
    #[error(
        "the changes in a journal on another device are missing; mount the filesystem with it and unmount it cleanly"
    )]
    ExternalJournal,
    /// Changes in the journal that only the kernel and e2fsck can replay.
    #[error(
        "the changes in the journal cannot be replayed: {0}; mount the filesystem once and unmount it cleanly, or run `e2fsck -f`"
    )]
    Replay(JournalLimit),
    /// A path that Linux cannot name.
    #[error("inode {ino} has a path of more than {limit} bytes, the longest that Linux can name")]
    PathLength {
        /// The inode.
        ino: u32,
        /// `PATH_MAX`, without the NUL.
        limit: usize,
    },
}

fn quoted(features: &[Feature]) -> String {
    let quoted = features.iter().map(|feature| format!("`{feature}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

impl From<JournalLimit> for ReadError {
    fn from(limit: JournalLimit) -> Self {
        Unsupported::Replay(limit).into()
    }
}

impl From<JournalFault> for ReadError {
    fn from(fault: JournalFault) -> Self {
        Corrupt::Replay(fault).into()
    }
}
