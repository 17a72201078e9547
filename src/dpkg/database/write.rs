//! Writes the database into a tree.

use super::{Database, FOLDER, Package, at};
use crate::epoch::Epoch;
use crate::tree::{Content, Kind, Meta, Node, Origin, Tree, TreeError};

/// Folders that dpkg's own package has. They are needed even if that package is not installed.
const FOLDERS: [&str; 5] = ["alternatives", "info", "parts", "triggers", "updates"];

/// Files that are in every database and empty at first, with the modes that dpkg gives them.
const EMPTY: [(&str, u16); 7] = [
    ("available", 0o644),
    ("diversions", 0o644),
    ("lock", 0o640),
    ("lock-frontend", 0o640),
    ("statoverride", 0o644),
    ("triggers/Lock", 0o600),
    ("triggers/Unincorp", 0o644),
];

impl Database {
    /// Writes the changed files of the database into `tree`, with the time `epoch`.
    ///
    /// # Errors
    ///
    /// The tree has other nodes at the paths of the database.
    pub fn write(&self, tree: &mut Tree, epoch: Epoch) -> Result<(), TreeError> {
        let meta = |mode| Meta::root(mode, epoch.into());
        for folder in FOLDERS {
            let path = at(&format!("{FOLDER}/{folder}"));
            tree.make_directories(&path, meta(0o755), &Origin::Builtin)?;
        }
        let mut put = |name: &str, mode: u16, bytes: &[u8]| {
            let path = at(&format!("{FOLDER}/{name}"));
            let kind = Kind::File(Content::inline(bytes));
            tree.insert(&path, Node::new(kind, meta(mode), Origin::Builtin))
                .map(|_| ())
        };
        let stanzas = self.packages.values().map(|package| package.record.show());
        let status: Vec<u8> = stanzas
            .flat_map(|stanza| [&*stanza, b"\n"].concat())
            .collect();
        put("status", 0o644, &status)?;
        put("info/format", 0o644, b"1\n")?;
        for package in self.packages.values() {
            write_info(package, &mut put)?;
        }
        for (name, content) in self.triggers.files() {
            put(&format!("triggers/{name}"), 0o644, content.as_bytes())?;
        }
        for (name, mode) in EMPTY {
            let path = at(&format!("{FOLDER}/{name}"));
            if tree.at(&path).is_none() {
                let kind = Kind::File(Content::inline(b""));
                tree.insert(&path, Node::new(kind, meta(mode), Origin::Builtin))?;
            }
        }
        Ok(())
    }
}

fn write_info(
    package: &Package,
    put: &mut impl FnMut(&str, u16, &[u8]) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    let name = package.record.info_name();
    if package.list_is_new {
        let lines: Vec<u8> = package
            .list
            .iter()
            .flat_map(|path| [path, b"\n".as_slice()].concat())
            .collect();
        put(&format!("info/{name}.list"), 0o644, &lines)?;
    }
    for (member, file) in &package.info {
        put(&format!("info/{name}.{member}"), file.mode, &file.bytes)?;
    }
    Ok(())
}
