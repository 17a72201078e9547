//! What is to be configured, and with what.

use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::store::Store;
use crate::tree::{Tree, TreePath};
use std::path::Path;
use std::time::Duration;

/// A .deb in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The name of its package.
    pub name: String,
    /// The digest of the .deb.
    pub deb: Sha256,
}

/// A tree whose packages are to be configured.
pub struct ConfigureRequest<'a> {
    /// The tree with its packages unpacked, which are in state `unpacked` in dpkg's database.
    pub tree: &'a Tree,
    /// Packages that the tree's own dpkg unpacks first, over older versions or beside the other
    /// packages.
    pub archives: &'a [Archive],
    /// The mount points of the filesystems beside the root's.
    pub mounts: &'a [TreePath],
    /// The store that holds the contents of the tree and takes the new ones.
    pub store: &'a Store,
    /// The architecture of the tree.
    pub architecture: Architecture,
    /// Unpacked packages of the host's architecture, which are needed if the tree has another one:
    /// qemu-user, and native builds of the programs that maintainer scripts run.
    pub tools: Option<&'a Tree>,
    /// The time of all files that scripts make.
    pub epoch: Epoch,
    /// Answers to debconf's questions, in the form of debconf-set-selections(1).
    pub preseed: &'a str,
    /// The host name that scripts see.
    pub host_name: &'a str,
    /// The time limit of one script, if not the usual one. It has no influence on the result.
    pub script_timeout: Option<Duration>,
    /// This program, whose `main` calls [`reenter`](crate::sandbox::reenter) first.
    pub program: &'a Path,
}
