//! `/var/lib/apt/extended_states`: the packages that are installed only because others need them,
//! so that `apt autoremove` on the device keeps the packages that were asked for.

use super::UnpackError;
use crate::architecture::Architecture;
use crate::dpkg::database::DatabaseError;
use crate::epoch::Epoch;
use crate::lock::LockedPackage;
use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreePath};

const FOLDER: &str = "/var/lib/apt";
const FILE: &str = "/var/lib/apt/extended_states";

/// Appends the automatic ones of `packages` to the tree's list.
///
/// # Errors
///
/// The list cannot be read or written.
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
    let path = TreePath::constant(FILE);
    let mut bytes = match tree.file(&path) {
        Some(content) => {
            let read = content.read(objects);
            let unreadable = |error| DatabaseError::Read(path.clone(), error);
            read.map_err(unreadable)?.to_vec()
        }
        None => Vec::new(),
    };
    for package in automatic {
        // apt files packages of architecture `all` under the native one.
        let (name, architecture) = (&package.name, architecture.debian());
        let stanza =
            format!("Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n");
        bytes.extend(stanza.bytes());
    }
    let meta = |mode| Meta::root(mode, epoch.into());
    let file = Node::new(
        Kind::File(Content::inline(&bytes)),
        meta(0o644),
        Origin::Builtin,
    );
    tree.make_directories(&TreePath::constant(FOLDER), meta(0o755), &Origin::Builtin)
        .and_then(|_| tree.insert(&path, file))
        .map(|_| ())
        .map_err(UnpackError::Database)
}
