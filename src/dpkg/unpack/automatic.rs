//! `/var/lib/apt/extended_states`: which packages are there only because others need them, so that
//! `apt autoremove` on the device keeps what was asked for.

use super::UnpackError;
use crate::architecture::Architecture;
use crate::dpkg::database::DatabaseError;
use crate::epoch::Epoch;
use crate::lock::LockedPackage;
use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreePath};

const FOLDER: &str = "/var/lib/apt";
const FILE: &str = "/var/lib/apt/extended_states";

/// Marks the automatic ones of `packages`, behind what the tree's file says already.
pub fn write(
    tree: &mut Tree,
    packages: &[LockedPackage],
    architecture: Architecture,
    epoch: Epoch,
    objects: &dyn Objects,
) -> Result<(), UnpackError> {
    let mut automatic = packages
        .iter()
        .filter(|package| package.automatic)
        .peekable();
    if automatic.peek().is_none() {
        return Ok(());
    }
    let path = |text: &str| TreePath::parse(text.as_bytes()).expect("a sound path");
    let mut bytes = match tree.resolve(&path(FILE)).map(|id| &tree.node(id).kind) {
        Some(Kind::File(content)) => {
            let unreadable = |source| DatabaseError::Read {
                path: path(FILE),
                source,
            };
            content.read(objects).map_err(unreadable)?.to_vec()
        }
        _ => Vec::new(),
    };
    for package in automatic {
        // apt files packages of architecture `all` under the native one.
        bytes.extend(stanza(&package.name, architecture.debian()).bytes());
    }
    let meta = |mode| Meta::root(mode, epoch.into());
    let file = Node::new(
        Kind::File(Content::inline(&bytes)),
        meta(0o644),
        Origin::Builtin,
    );
    tree.make_directories(&path(FOLDER), meta(0o755), &Origin::Builtin)
        .and_then(|_| tree.insert(&path(FILE), file))
        .map(|_| ())
        .map_err(|source| UnpackError::Database { source })
}

fn stanza(name: &str, architecture: &str) -> String {
    format!("Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n")
}
