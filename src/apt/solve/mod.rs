//! Resolves a request, by the indices of repositories, to exact versions of packages.
//!
//! If apt's own algorithm, marking (`marker`), finds a solution, that one is given; otherwise one
//! that a bounded search finds (`search`). No installed package is ever removed. The same input
//! gives the same solution.

mod dead_end;
mod explain;
mod marker;
mod marks;
mod places;
mod pool;
mod request;
mod search;
#[cfg(test)]
mod tests;
mod universe;

pub use explain::{DeadEndText, SolveError};
pub use request::{Choice, NotARequest, Request, Wanted};
pub use universe::Universe;

use crate::apt::index::{Index, Package};
use crate::lock::LockedPackage;
use marks::Marks;
use pool::{Pool, SlotId};
use search::Search;
use universe::PackageId;

/// The stack size of the solving thread, in bytes. Dependencies are followed by recursion.
const STACK: usize = 64 << 20;

/// The packages to install.
#[derive(Clone, Debug)]
pub struct Solution<'a> {
    /// The packages, sorted by name. Installed packages that stay as they are are left out.
    pub packages: Vec<Chosen<'a>>,
    /// Whether apt's algorithm failed and a search has found this solution.
    pub searched: bool,
}

/// A package to install, or to upgrade to.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// The package.
    pub package: Package<'a>,
    /// Whether it is installed only because another package needs it.
    pub automatic: bool,
    /// The installed version that it replaces.
    pub replaces: Option<Package<'a>>,
}

impl Solution<'_> {
    /// The packages as a lock pins them, sorted by name and architecture.
    pub fn locked(&self) -> Vec<LockedPackage> {
        let packages = self.packages.iter();
        let locked = packages.map(|chosen| chosen.package.locked(chosen.automatic));
        let mut locked: Vec<LockedPackage> = locked.collect();
        locked.sort();
        locked
    }
}

/// Finds the packages to install so that `request` is satisfied, in addition to the `installed`
/// ones (dpkg's status, see [`Index::status`]).
///
/// # Errors
///
/// The request cannot be satisfied, or no solution was found within the limits of the search.
pub fn solve<'a>(
    universe: &'a Universe,
    request: &Request,
    installed: Option<&'a Index>,
) -> Result<Solution<'a>, SolveError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let solving = thread.spawn_scoped(scope, || solve_here(universe, request, installed));
        let solving = solving.map_err(|source| SolveError::NoThread {
            source: std::sync::Arc::new(source),
        })?;
        match solving.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn solve_here<'a>(
    universe: &'a Universe,
    request: &Request,
    installed: Option<&'a Index>,
) -> Result<Solution<'a>, SolveError> {
    let mut pool = Pool::new(universe, installed);
    let forbidden = request::forbid(&mut pool, &request.exclude);
    let requests = request::resolve(&mut pool, request)?;
    let mut marks = Marks::new(&mut pool, &forbidden, request.recommends);
    marker::mark_all(&mut marks, &requests);
    let (chosen, searched) = match marks.broken().is_none() && marks.has_all(&requests) {
        true => (marks.chosen(), false),
        false => {
            let found = Search::run(&mut pool, &requests, &forbidden, request.recommends);
            (
                found.map_err(|failure| explain::unsolvable(&mut pool, failure))?,
                true,
            )
        }
    };
    Ok(Solution {
        packages: changes(&pool, chosen),
        searched,
    })
}

/// The packages of `chosen` that are not installed yet.
fn changes<'a>(pool: &Pool<'a>, chosen: Vec<(SlotId, PackageId, bool)>) -> Vec<Chosen<'a>> {
    let new = chosen
        .into_iter()
        .filter(|(slot, id, _)| pool.get(*slot).installed != Some(*id));
    let chosen = new.map(|(slot, id, automatic)| Chosen {
        package: pool.package(id),
        automatic,
        replaces: pool.get(slot).installed.map(|old| pool.package(old)),
    });
    let mut packages: Vec<Chosen<'a>> = chosen.collect();
    packages.sort_by_key(|chosen| chosen.package.name());
    packages
}
