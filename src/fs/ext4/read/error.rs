//! Why a filesystem cannot be read: the device fails, we do not read this, or the data is wrong.

mod journal;

pub use journal::{JournalFault, JournalLimit};

use super::place::Place;
use crate::fs::ext4::format::feature::{Feature, FeatureList};
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
        /// What the device said.
        source: io::Error,
    },
    /// The device fails within the journal.
    #[error("cannot read block {block} of the journal of the ext4 filesystem")]
    JournalIo {
        /// The block, counted from the start of the journal.
        block: u32,
        /// What the device said.
        source: io::Error,
    },
    /// Our limit.
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
    #[error("the ext4 filesystem has {0}, which imgbuild does not read")]
    Features(FeatureList),
    /// A revision after the only two.
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
    /// A file whose content is sealed.
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

/// Something that ext4 does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corrupt {
    /// No superblock.
    #[error("there is no ext4 filesystem: magic number {found:#06x}, expected 0xef53")]
    Magic {
        /// What is there instead.
        found: u16,
    },
    /// Too short for a superblock.
    #[error("there is no ext4 filesystem: {len} bytes are too few for one")]
    Short {
        /// Length of the device.
        len: u64,
    },
    /// A field that contradicts others.
    #[error("the superblock has {field} {found}: expected {expected}")]
    Superblock {
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: &'static str,
    },
    /// Cut off.
    #[error(
        "the filesystem has {n_blocks} blocks of {block_size} bytes and the device only {len} bytes; is the image cut off?"
    )]
    Truncated {
        /// `s_blocks_count`.
        n_blocks: u64,
        /// Bytes in a block.
        block_size: u32,
        /// Length of the device.
        len: u64,
    },
    /// The kernel has seen errors.
    #[error("the kernel has recorded errors in the filesystem; repair it with `e2fsck -f`")]
    ErrorsRecorded,
    /// Written to when the machine stopped, and nothing to replay.
    #[error(
        "the filesystem was not unmounted cleanly and has no journal; repair it with `e2fsck -f`"
    )]
    Unclean,
    /// Metadata that is not what was written.
    #[error("checksum of {what} is {found:#x}: computed {expected:#x}")]
    Checksum {
        /// What it is a checksum of.
        what: Place,
        /// The one on disk.
        found: u32,
        /// The right one.
        expected: u32,
    },
    /// A block number outside the filesystem.
    #[error("{what} points to block {block}: expected {first} to {last}")]
    BlockNumber {
        /// Who says so.
        what: Place,
        /// The number.
        block: u64,
        /// The first block of the filesystem.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A block with two owners.
    #[error("block {block} belongs to {one} and to {other}")]
    SharedBlock {
        /// The block.
        block: u64,
        /// Who claimed it first.
        one: Place,
        /// Who claims it too.
        other: Place,
    },
    /// A number that no inode has.
    #[error("{what} names inode {ino}: expected 1 to {last}")]
    InodeNumber {
        /// Who says so.
        what: Place,
        /// The number.
        ino: u32,
        /// `s_inodes_count`.
        last: u32,
    },
    /// A name for something that is not a file of the user.
    #[error("directory inode {directory} has a name for the reserved inode {ino}")]
    ReservedInode {
        /// The directory.
        directory: u32,
        /// The inode.
        ino: u32,
    },
    /// A name for something deleted.
    #[error("directory inode {directory} has a name for inode {ino}, which is free")]
    FreeInode {
        /// The directory.
        directory: u32,
        /// The inode.
        ino: u32,
    },
    /// A field of an inode.
    #[error("inode {ino} has {field} {found}: expected {expected}")]
    Inode {
        /// The inode.
        ino: u32,
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: &'static str,
    },
    /// A node of an extent tree.
    #[error("{what}: {field} of extent entry {index} is {found}: expected {expected}")]
    Extent {
        /// The node.
        what: Place,
        /// Which entry; 0 also for the header.
        index: usize,
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: u64,
    },
    /// A directory entry.
    #[error("{what}: {field} of the directory entry at byte {at} is {found}: expected {expected}")]
    DirectoryEntry {
        /// The block.
        what: Place,
        /// First byte of the entry.
        at: usize,
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: &'static str,
    },
    /// A name that cannot be one.
    #[error("directory inode {directory} has the name `{}`, which cannot be one", .name.escape_ascii())]
    Name {
        /// The directory.
        directory: u32,
        /// The bytes.
        name: Vec<u8>,
    },
    /// A name twice.
    #[error("directory inode {directory} has the name `{}` twice", .name.escape_ascii())]
    DuplicateName {
        /// The directory.
        directory: u32,
        /// The name.
        name: Vec<u8>,
    },
    /// `.` or `..` are not where or what they should be.
    #[error("`{name}` of directory inode {directory} is inode {found}: expected {expected}")]
    Dot {
        /// The directory.
        directory: u32,
        /// Which of the two.
        name: &'static str,
        /// The inode it names; 0 where it is missing.
        found: u32,
        /// The inode it should name.
        expected: u32,
    },
    /// A directory with two names, or below itself.
    #[error("directory inode {ino} has a second name in directory inode {directory}")]
    LinkedDirectory {
        /// The directory with two names.
        ino: u32,
        /// Where the second is.
        directory: u32,
    },
    /// More names than links.
    #[error("inode {ino} has {found} names or more and a link count of {links}")]
    Links {
        /// The inode.
        ino: u32,
        /// Names so far.
        found: u32,
        /// `i_links_count`.
        links: u32,
    },
    /// Content that must be there and is not.
    #[error("block {block} of inode {ino} is a hole, and {what} has none")]
    Hole {
        /// The inode.
        ino: u32,
        /// The block, counted from the start of the file.
        block: u64,
        /// What it is.
        what: &'static str,
    },
    /// Inline data that does not fit its inode.
    #[error("inode {ino} has {size} bytes and room for {room} in the inode")]
    InlineSize {
        /// The inode.
        ino: u32,
        /// Bytes of content.
        size: u64,
        /// Bytes that there are.
        room: usize,
    },
    /// Extended attributes that cannot be read.
    #[error("{what}: {field} of the attribute at byte {at} is {found}: expected {expected}")]
    Xattr {
        /// Where they stand.
        what: Place,
        /// First byte of the entry.
        at: usize,
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: &'static str,
    },
    /// An attribute twice.
    #[error("inode {ino} has the extended attribute `{}` twice", .name.escape_ascii())]
    DuplicateXattr {
        /// The inode.
        ino: u32,
        /// The attribute.
        name: Vec<u8>,
    },
    /// An access control list that cannot be read.
    #[error("inode {ino} has a POSIX ACL of {len} bytes that cannot be read")]
    Acl {
        /// The inode.
        ino: u32,
        /// Length of the list.
        len: usize,
    },
    /// Changes in the journal that are not what was written.
    #[error("the changes in the journal are damaged: {0}; repair it with `e2fsck -f`")]
    Replay(JournalFault),
    /// A journal that is no file.
    #[error("inode {ino}, the journal, is no regular file in use")]
    Journal {
        /// The inode.
        ino: u32,
    },
    /// A journal that would change the size of blocks.
    #[error("the journal holds a superblock with blocks of {found} bytes: expected {expected}")]
    JournalBlockSize {
        /// Bytes in a block according to the journal.
        found: u32,
        /// Bytes in a block.
        expected: u32,
    },
    /// A symbolic link that leads nowhere.
    #[error("symlink inode {ino} has a target of {len} bytes: expected 1 to 4095 without NUL")]
    SymlinkTarget {
        /// The inode.
        ino: u32,
        /// Length of the target.
        len: u64,
    },
    /// No root directory.
    #[error("inode 2, the root, is not a directory")]
    Root,
}

impl From<Feature> for Unsupported {
    fn from(feature: Feature) -> Self {
        Self::Features(FeatureList(vec![feature]))
    }
}

impl Place {
    /// Refuses a checksum of this part other than the `expected` one.
    pub(super) fn verify(
        self,
        found: impl Into<u32>,
        expected: impl Into<u32>,
    ) -> Result<(), Corrupt> {
        let (found, expected) = (found.into(), expected.into());
        match found == expected {
            true => Ok(()),
            false => Err(Corrupt::Checksum {
                what: self,
                found,
                expected,
            }),
        }
    }
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
