//! What a base image has installed already, and what is left to ask for on top of it.

use crate::apt::index::{Index, IndexError};
use crate::apt::preferences::Preferences;
use crate::apt::solve::{Choice, Wanted};
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::lock::LockedBase;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The packages of a base image.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The file that holds the base.
    pub base: LockedBase,
    /// Its disk, as an object of the store.
    pub disk: Sha256,
    /// Its dpkg's status file.
    pub status: Arc<str>,
    /// Which versions its apt prefers.
    pub preferences: Preferences,
}

impl Installed {
    /// The status file as an index.
    pub(super) fn index(&self, architecture: Architecture) -> Result<Index, IndexError> {
        let name = format!("base image {}", self.base.name);
        Index::status(&name, self.status.clone(), architecture)
    }
}

/// The names of all packages of `installed`.
pub(super) fn names(installed: &Index) -> BTreeSet<&str> {
    let positions = 0..installed.len();
    let packages = positions.filter_map(|position| installed.get(position));
    packages.map(|package| package.name()).collect()
}

/// Those of `wanted` that `installed` does not have: what is there stays as it is, unless something
/// else needs a newer version.
pub(super) fn missing(wanted: Vec<Wanted>, installed: &Index) -> Vec<Wanted> {
    let names = names(installed);
    let is_there =
        |wanted: &Wanted| wanted.choice == Choice::Any && names.contains(wanted.name.as_str());
    wanted.into_iter().filter(|one| !is_there(one)).collect()
}
