//! Why a search chose what it chose, and where it got stuck.

use super::pool::Target;
use super::universe::PackageId;

/// Why a package is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was asked for.
    Requested,
    /// It was there before.
    Installed,
    /// A group of a package, by its position.
    Needed(PackageId, usize),
}

/// A group that nothing can satisfy, with how its package came to be chosen.
#[derive(Clone, Debug)]
pub(super) struct DeadEnd {
    /// From a request, or from what is installed, to the package with the group.
    pub(super) chain: Vec<PackageId>,
    /// Position of the group; none where a request itself is impossible.
    pub(super) group: Option<usize>,
    /// What stands in the way of each possible package.
    pub(super) obstacles: Vec<(Target, Obstacle)>,
}

/// Why a package cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another version of its name is chosen, or none may be.
    Fixed(Option<PackageId>),
    /// One of the two excludes the other.
    Conflict {
        /// The package that says so.
        from: PackageId,
        /// Position of its group.
        group: usize,
        /// How the chosen one of the two came to be chosen.
        chain: Vec<PackageId>,
    },
}

/// What a search ended with.
pub(super) struct Failure {
    /// The first dead ends.
    pub(super) dead_ends: Vec<DeadEnd>,
    /// Whether everything was tried.
    pub(super) complete: bool,
}
