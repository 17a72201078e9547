//! The reasons of a search for its choices, and its dead ends.

use super::pool::Target;
use super::universe::PackageId;

/// Why a package is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was requested.
    Requested,
    /// It was installed before.
    Installed,
    /// A package needs it, by the group at this position.
    Needed(PackageId, usize),
}

/// A group that no package can satisfy, with the reason why its package was chosen.
#[derive(Clone, Debug)]
pub(super) struct DeadEnd {
    /// The chain from a request, or from an installed package, to the package with the group.
    pub(super) chain: Vec<PackageId>,
    /// Position of the group; `None` if a request itself is impossible.
    pub(super) group: Option<usize>,
    /// The obstacle to each possible package.
    pub(super) obstacles: Vec<(Target, Obstacle)>,
}

/// Why a package cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another version of its name is chosen, or, if `None`, no version is allowed.
    Fixed(Option<PackageId>),
    /// One of the two excludes the other.
    Conflict {
        /// The package that has the relation.
        from: PackageId,
        /// Position of its group.
        group: usize,
        /// The chain to the one of the two that is chosen.
        chain: Vec<PackageId>,
    },
}

/// The result of a search that failed.
pub(super) struct Failure {
    /// The first dead ends.
    pub(super) dead_ends: Vec<DeadEnd>,
    /// Whether every possibility was tried.
    pub(super) complete: bool,
}
