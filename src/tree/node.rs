//! One inode of a tree: its type, its owner, and the part of the build that made it.

use super::{Content, Name};
use crate::epoch::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of a node in its [`Tree`](super::Tree).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// The part of the build that made a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The base image.
    Base,
    /// A package, by name.
    Package(Arc<str>),
    /// A maintainer script.
    Script,
    /// An overlay, by name.
    Overlay(Arc<str>),
    /// A setting of the system, or the settings that can change on the device.
    Setting,
    /// The wish of a profile or an overlay to enable, disable or mask a unit.
    Unit,
    /// imgbuild itself.
    Builtin,
}

/// Permissions, owner and time of modification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u16,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Time of modification; the other times of a node are set from it.
    pub mtime: Timestamp,
}

impl Meta {
    /// The metadata of a node that belongs to root.
    pub fn root(mode: u16, mtime: Timestamp) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            mtime,
        }
    }
}

/// The type of a node, with the content of that type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory and its entries.
    Directory(BTreeMap<Name, NodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link and its target.
    Symlink(Arc<[u8]>),
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// One inode: what POSIX calls a file, whatever its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Permissions, owner, time.
    pub meta: Meta,
    /// Extended attributes by full name (`security.capability`), as the kernel's xattr calls give them.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Its type and content.
    pub kind: Kind,
    /// The part of the build that made it.
    pub origin: Origin,
}

impl Node {
    /// A node without extended attributes.
    pub fn new(kind: Kind, meta: Meta, origin: Origin) -> Self {
        Self {
            meta,
            xattrs: BTreeMap::new(),
            kind,
            origin,
        }
    }

    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }
}
