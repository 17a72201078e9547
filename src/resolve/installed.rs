//! The packages that a base image has installed already, and those that are still missing.

use crate::apt::index::Index;
use crate::apt::solve::{Choice, Wanted};
use std::collections::BTreeSet;

/// The names of all packages of `installed`.
pub(super) fn names(installed: &Index) -> BTreeSet<&str> {
    let positions = 0..installed.len();
    let packages = positions.filter_map(|position| installed.get(position));
    packages.map(|package| package.name()).collect()
}

/// The packages of `wanted` that are not `installed`. An installed package stays as it is, unless another package needs a newer
/// version of it.
pub(super) fn missing(wanted: Vec<Wanted>, installed: &Index) -> Vec<Wanted> {
    let names = names(installed);
    let is_there =
        |wanted: &Wanted| wanted.choice == Choice::Any && names.contains(wanted.name.as_str());
    wanted.into_iter().filter(|one| !is_there(one)).collect()
}
