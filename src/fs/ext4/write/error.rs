//! Why a tree does not become a filesystem.

use super::xattr::XattrError;
use crate::disk::image::ImageError;
use crate::tree::TreePath;

/// A tree that ext4 cannot hold, or that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ext4Error {
    /// The content does not fit into the partition.
    #[error(
        "the tree needs a filesystem of {needed} bytes and the partition has {len}; enlarge the partition or take packages out"
    )]
    TooSmall {
        /// Length of the partition.
        len: u64,
        /// The least length.
        needed: u64,
    },
    /// A length that is no number of blocks, or more than 32-bit block numbers reach.
    #[error("a filesystem of {len} bytes cannot be made: expected a multiple of 4096 up to 16 TiB")]
    Length {
        /// The length asked for.
        len: u64,
    },
    /// A label over 16 bytes, or with a NUL.
    #[error("`{}` cannot be a filesystem label: expected at most 16 bytes without NUL", .label.escape_ascii())]
    Label {
        /// The label asked for.
        label: Vec<u8>,
    },
    /// A journal that the kernel refuses.
    #[error("a journal of {blocks} blocks is too small: expected 1024 or more")]
    Journal {
        /// The number of blocks asked for.
        blocks: u32,
    },
    /// More reserved than free.
    #[error("{percent} percent cannot be reserved for root: expected 0 to 50")]
    Reserved {
        /// The percentage asked for.
        percent: u8,
    },
    /// An inode ratio that makes no sense.
    #[error("one inode for {bytes} bytes is not possible: expected 1024 or more")]
    InodeRatio {
        /// The ratio asked for.
        bytes: u64,
    },
    /// More nodes than inode numbers.
    #[error("the tree has more nodes than a filesystem of 32-bit inode numbers holds")]
    TooManyNodes,
    /// A directory with two names.
    #[error("directory `{path}` has a second name; only files can have hard links")]
    LinkedDirectory {
        /// The second name.
        path: TreePath,
    },
    /// `/lost+found` is taken.
    #[error("`/lost+found` is not a directory; remove it from the tree")]
    LostFound,
    /// A file with more names than its link count can say.
    #[error("`{path}` has {links} hard links, more than the 65000 that ext4 counts")]
    TooManyLinks {
        /// Its first name.
        path: TreePath,
        /// How many names it has.
        links: u32,
    },
    /// A directory beyond two levels of index.
    #[error(
        "directory `{path}` has {entries} entries, more than an index of two levels holds; split it"
    )]
    DirectoryTooLarge {
        /// The directory.
        path: TreePath,
        /// How many names it has.
        entries: usize,
    },
    /// A file of 16 TiB or more, or without `huge_file` one with data of 2 TiB or more.
    #[error("`{path}` of {len} bytes is larger than a file of this filesystem can be")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// A target that Linux cannot follow.
    #[error("symlink `{path}` has a target of {len} bytes: expected 1 to 4095 without NUL")]
    SymlinkTarget {
        /// The symlink.
        path: TreePath,
        /// Length of its target.
        len: usize,
    },
    /// Numbers that Linux has no bits for.
    #[error("device `{path}` has the number {major}:{minor}: expected at most 4095:1048575")]
    DeviceNumber {
        /// The device node.
        path: TreePath,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// An extended attribute that cannot be stored.
    #[error("cannot store an extended attribute of `{path}`")]
    Xattr {
        /// The node.
        path: TreePath,
        /// Which attribute, and why.
        source: XattrError,
    },
    /// The writer placed two things at the same bytes.
    #[error("the filesystem's regions overlap; this is a bug, please report it")]
    Regions(#[from] ImageError),
}
