//! Which packages to install: from a request and the indices of repositories to exact versions.
//!
//! The answer is apt's wherever apt's own marking (`marker`) leads to one, and otherwise one that
//! a bounded search finds (`search`). Nothing that is installed is ever removed. The same input
//! gives the same answer.

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

/// Stack of the thread that solves: dependencies are followed by recursion.
const STACK: usize = 64 << 20;

/// What to install.
#[derive(Clone, Debug)]
pub struct Solution<'a> {
    /// Sorted by name.
    packages: Vec<Chosen<'a>>,
    searched: bool,
}

/// A package to install, or to upgrade to.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// The package.
    pub package: Package<'a>,
    /// Whether it is there only because another package needs it.
    pub automatic: bool,
    /// The installed version that it replaces.
    pub replaces: Option<Package<'a>>,
}

impl<'a> Solution<'a> {
    /// What to install, sorted by name. What is installed already and stays is not listed.
    pub fn packages(&self) -> &[Chosen<'a>] {
        &self.packages
    }

    /// Whether apt's way led nowhere and a search found this.
    pub fn searched(&self) -> bool {
        self.searched
    }

    /// The packages as a lock pins them, sorted by name and architecture.
    pub fn locked(&self) -> Vec<LockedPackage> {
        let packages = self.packages.iter();
        let locked = packages.map(|chosen| chosen.package.locked(chosen.automatic));
        let mut locked: Vec<LockedPackage> = locked.collect();
        locked.sort();
        locked
    }
}

/// Finds what to install so that `request` holds, on top of what is `installed` (dpkg's status, see
/// [`Index::status`]).
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

/// What is new among `chosen`.
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
