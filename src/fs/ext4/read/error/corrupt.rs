//! What is wrong with a filesystem.

use super::journal::JournalFault;
use crate::fs::ext4::read::place::Place;

/// Something that ext4 does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corrupt {
    /// No superblock.
    #[error("there is no ext4 filesystem: magic number {found:#06x}, expected 0xef53")]
    Magic {
        /// The number that was found.
        found: u16,
    },
    /// Too short for a superblock.
    #[error("there is no ext4 filesystem: {len} bytes are too few for one")]
    Short {
        /// Length of the device.
        len: u64,
    },
    /// A field of the superblock or of an inode.
    #[error("{what} has {field} {found}: expected {expected}")]
    Field {
        /// The superblock or the inode.
        what: Place,
        /// Spelled as in the kernel.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it can be.
        expected: &'static str,
    },
    /// A device that is shorter than the filesystem.
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
    /// A filesystem that was in use when the machine stopped, without a journal to replay.
    #[error(
        "the filesystem was not unmounted cleanly and has no journal; repair it with `e2fsck -f`"
    )]
    Unclean,
    /// Metadata with a wrong checksum.
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
        /// The part that has the number.
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
        /// Its first owner.
        one: Place,
        /// Its second owner.
        other: Place,
    },
    /// A number that no inode has.
    #[error("{what} names inode {ino}: expected 1 to {last}")]
    InodeNumber {
        /// The part that has the number.
        what: Place,
        /// The number.
        ino: u32,
        /// `s_inodes_count`.
        last: u32,
    },
    /// A name for an inode of the filesystem itself.
    #[error("directory inode {directory} has a name for the reserved inode {ino}")]
    ReservedInode {
        /// The directory.
        directory: u32,
        /// The inode.
        ino: u32,
    },
    /// A name for an inode that is free.
    #[error("directory inode {directory} has a name for inode {ino}, which is free")]
    FreeInode {
        /// The directory.
        directory: u32,
        /// The inode.
        ino: u32,
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
    /// A name that Linux cannot have.
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
    /// A hole where there must not be one.
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
    /// Changes in the journal that are damaged.
    #[error("the changes in the journal are damaged: {0}; repair it with `e2fsck -f`")]
    Replay(JournalFault),
    /// A journal that is not a regular file.
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

impl Place {
    /// An error about one of the fields of this part.
    pub(in crate::fs::ext4::read) fn unfit(
        self,
        field: &'static str,
        found: impl Into<u64>,
        expected: &'static str,
    ) -> Corrupt {
        Corrupt::Field {
            what: self,
            field,
            found: found.into(),
            expected,
        }
    }

    /// Refuses a checksum of this part other than the `expected` one.
    pub(in crate::fs::ext4::read) fn verify(
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
