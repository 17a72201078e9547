//! What the packages are unpacked into, and what is known of the one that is on its way.

use super::owners::Owners;
use crate::digest::Sha256;
use crate::dpkg::database::{Conffile, Database, PackageKey, Record};
use crate::dpkg::deb::Entry;
use crate::store::Store;
use crate::tree::{Content, Slice, Tree};
use std::collections::BTreeMap;

/// A tree and a database on their way, and what is known across packages.
pub(super) struct Installer<'a> {
    pub(super) tree: Tree,
    pub(super) database: Database,
    pub(super) owners: Owners,
    /// Which packages list a path.
    pub(super) listed: BTreeMap<Vec<u8>, Vec<PackageKey>>,
    pub(super) store: &'a Store,
}

/// A package that is being unpacked.
pub(super) struct Incoming {
    pub(super) record: Record,
    /// Declared conffiles; `obsolete` is set for those whose file another package keeps.
    pub(super) conffiles: Vec<Conffile>,
    /// The decompressed data.tar.
    pub(super) data: Sha256,
}

impl<'a> Installer<'a> {
    /// Starts with `tree`, whose database is `database`.
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

    /// The tree, and the database that is to be written into it.
    pub(super) fn finish(self) -> (Tree, Database) {
        (self.tree, self.database)
    }
}

/// Where the file of `entry` lies in the store.
pub(super) fn content(entry: &Entry, data: &Sha256) -> Content {
    Content::Stored(Slice {
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
