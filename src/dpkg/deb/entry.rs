//! A member of a tar archive, as its headers describe it.

use crate::epoch::Timestamp;

/// The type of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to these bytes.
    Symlink(Vec<u8>),
    /// A hard link to the member with this name.
    HardLink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// One member of a tar archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name as it is written, without a directory's trailing slash.
    pub name: Vec<u8>,
    /// Its type.
    pub kind: EntryKind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Name of the owner; may be empty.
    pub user: Vec<u8>,
    /// Name of the group; may be empty.
    pub group: Vec<u8>,
    /// Time of modification.
    pub mtime: Timestamp,
    /// Offset of the content in the archive.
    pub offset: u64,
    /// Length of the content; 0 if the entry is not a file.
    pub size: u64,
}
