//! The tree and the database into which packages are unpacked, and the package that is being
//! unpacked.

use super::owners::Owners;
use crate::digest::Sha256;
use crate::dpkg::database::{Database, PackageKey, Record};
use crate::dpkg::deb::Entry;
use crate::store::Store;
use crate::tree::{Content, Slice, Tree};
use std::collections::BTreeMap;

/// The tree and the database as far as packages are unpacked, with indices over all packages.
pub(super) struct Installer<'a> {
    pub(super) tree: Tree,
    pub(super) database: Database,
    pub(super) owners: Owners,
    /// By path, the packages whose lists have it.
    pub(super) listed: BTreeMap<Vec<u8>, Vec<PackageKey>>,
    pub(super) store: &'a Store,
}

/// A package that is being unpacked.
pub(super) struct Incoming {
    /// Its record. A conffile in it becomes obsolete if another package keeps the file.
    pub(super) record: Record,
    /// The object of its files.
    pub(super) data: Sha256,
}

impl<'a> Installer<'a> {
    /// An installer into `tree`, whose database is `database`.
    pub(super) fn new(tree: Tree, database: Database, owners: Owners, store: &'a Store) -> Self {
        let mut listed: BTreeMap<Vec<u8>, Vec<PackageKey>> = BTreeMap::new();
        for (key, package) in &database.packages {
            for path in &package.list {
                listed.entry(path.clone()).or_default().push(key.clone());
            }
        }
        Self {
            tree,
            database,
            owners,
            listed,
            store,
        }
    }
}

/// The content of the file of `entry`, as a part of the object `data`, in which zeros follow it.
pub(super) fn content(entry: &Entry, data: &Sha256) -> Content {
    Content::padded(Slice {
        object: *data,
        offset: entry.offset,
        len: entry.size,
    })
}

/// The path of a member in dpkg's spelling: `/etc/x`, and `/.` for the root.
pub(super) fn listed_name(name: &[u8]) -> Vec<u8> {
    let mut rest = name;
    while let Some(next) = rest.strip_prefix(b"/").or(rest.strip_prefix(b"./")) {
        rest = next;
    }
    let rest = if rest.is_empty() { b"." } else { rest };
    [b"/", rest].concat()
}
