//! The error messages of the solver.

use super::dead_end::{DeadEnd, Failure, Obstacle};
use super::pool::{Pool, Target};
use super::universe::{PackageId, Universe};
use std::fmt;
use std::sync::Arc;

/// The most names, versions or reasons that a message lists.
const MAX_LISTED: usize = 5;
/// The most packages of a chain that a message lists.
const MAX_CHAIN: usize = 20;

/// Why a request cannot be resolved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SolveError {
    /// No repository has the name.
    #[error("no repository has a package `{name}`{}", did_you_mean(near))]
    Unknown {
        /// The name.
        name: String,
        /// Known names that resemble it.
        near: Vec<String>,
    },
    /// No package has the name, and several packages provide it.
    #[error(
        "`{name}` is no package, but is provided by {}: ask for one of them",
        list(providers)
    )]
    Virtual {
        /// The name.
        name: String,
        /// The packages that provide it.
        providers: Vec<String>,
    },
    /// The package exists, but not in the requested version or repository.
    #[error("no repository has `{wanted}`; there is {}", list(found))]
    NoSuchVersion {
        /// The request.
        wanted: String,
        /// The existing versions.
        found: Vec<String>,
    },
    /// The preferences of apt forbid every version.
    #[error(
        "apt's preferences let no version of `{name}` be installed; there is {}",
        list(found)
    )]
    Forbidden {
        /// The package.
        name: String,
        /// The existing versions.
        found: Vec<String>,
    },
    /// The package is requested for a foreign architecture.
    #[error(
        "`{wanted}` asks for architecture `{found}`, but the packages here are for `{expected}`"
    )]
    OtherArchitecture {
        /// The request.
        wanted: String,
        /// The requested architecture.
        found: String,
        /// The architecture of the packages here.
        expected: &'static str,
    },
    /// The package is both requested and excluded.
    #[error("`{name}` is asked for and excluded at once; remove one of the two")]
    Excluded {
        /// Its name.
        name: String,
    },
    /// No set of packages satisfies the request.
    #[error("the packages cannot be installed together:{}", paragraphs(dead_ends))]
    Unsolvable {
        /// The first dead ends of the search.
        dead_ends: Vec<DeadEndText>,
    },
    /// The search has reached its limit. There may be a solution.
    #[error(
        "no way to install the packages together was found, though not every one was tried; ask \
         for one of the alternatives by name:{}",
        paragraphs(dead_ends)
    )]
    GaveUp {
        /// The first dead ends of the search.
        dead_ends: Vec<DeadEndText>,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread to resolve packages")]
    NoThread {
        /// The cause.
        source: Arc<std::io::Error>,
    },
}

/// A relation that no package satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadEndText {
    /// From a request to the package with the relation; `name version (repository)` each.
    pub chain: Vec<String>,
    /// The relation with its field: `Depends: libc6 (>= 2.41)`. `None` if the package itself, which
    /// is requested, conflicts with another.
    pub relation: Option<String>,
    /// For each package that could satisfy the relation, the obstacle to it.
    pub obstacles: Vec<String>,
}

impl fmt::Display for DeadEndText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortened(&self.chain).join("\n    needs "))?;
        if let Some(relation) = &self.relation {
            write!(f, "\n    has {relation}")?;
        }
        self.obstacles
            .iter()
            .try_for_each(|obstacle| write!(f, "\n      but {obstacle}"))
    }
}

/// The chain, without its middle if it is long.
fn shortened(chain: &[String]) -> Vec<String> {
    let Some(left_out) = chain.len().checked_sub(MAX_CHAIN + 1).filter(|n| *n > 0) else {
        return chain.to_vec();
    };
    let (start, end) = (
        &chain[..MAX_CHAIN / 2],
        &chain[chain.len() - MAX_CHAIN / 2..],
    );
    let middle = format!("({} packages are left out here)", left_out + 1);
    [start, &[middle], end].concat()
}

/// The error for a search that failed.
pub(super) fn unsolvable(pool: &mut Pool<'_>, failure: Failure) -> SolveError {
    let texts = failure
        .dead_ends
        .iter()
        .map(|dead_end| describe(pool, dead_end));
    let dead_ends = texts.collect();
    match failure.complete {
        true => SolveError::Unsolvable { dead_ends },
        false => SolveError::GaveUp { dead_ends },
    }
}

/// The error for a name that no repository has.
pub(super) fn unknown(universe: &Universe, name: &str) -> SolveError {
    let mut near: Vec<(usize, &str)> = universe
        .first_of_each_name()
        .map(|id| universe.package(id).name())
        .filter(|known| known.len().abs_diff(name.len()) <= 2)
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort();
    SolveError::Unknown {
        name: name.to_owned(),
        near: near
            .iter()
            .take(MAX_LISTED)
            .map(|(_, known)| (*known).to_owned())
            .collect(),
    }
}

/// The error for a package that the preferences forbid.
pub(super) fn forbidden(universe: &Universe, name: &str) -> SolveError {
    SolveError::Forbidden {
        name: name.to_owned(),
        found: versions(universe, name),
    }
}

/// The error for the request `wanted`, for a version or repository that package `name` does not
/// have.
pub(super) fn no_such_version(universe: &Universe, name: &str, wanted: String) -> SolveError {
    let found = versions(universe, name);
    SolveError::NoSuchVersion { wanted, found }
}

fn versions(universe: &Universe, name: &str) -> Vec<String> {
    let found = universe.named(name).take(MAX_LISTED);
    found.map(|package| package.to_string()).collect()
}

fn describe(pool: &mut Pool<'_>, dead_end: &DeadEnd) -> DeadEndText {
    let package = dead_end.chain.last().copied();
    let group = package.zip(dead_end.group);
    let relation = group.map(|(package, group)| relation(pool, package, group));
    let listed = dead_end.obstacles.iter().take(MAX_LISTED);
    let listed = listed.map(|(target, obstacle)| explain(pool, *target, obstacle));
    let mut obstacles: Vec<String> = listed.collect();
    if dead_end.obstacles.is_empty()
        && let Some((package, group)) = group
    {
        obstacles = missing(pool, package, group);
    }
    DeadEndText {
        chain: dead_end
            .chain
            .iter()
            .map(|id| pool.package(*id).to_string())
            .collect(),
        relation,
        obstacles,
    }
}

fn relation(pool: &mut Pool<'_>, package: PackageId, group: usize) -> String {
    let groups = pool.groups(package);
    let group = &groups[group];
    let shown = group.alternatives.iter().map(|a| a.relation.to_string());
    let shown: Vec<String> = shown.collect();
    let field = group.field;
    match shown.is_empty() {
        false => format!("{field}: {}", shown.join(" | ")),
        true => format!("{field}: {}", pool.package(package).text(field)),
    }
}

fn explain(pool: &mut Pool<'_>, target: Target, obstacle: &Obstacle) -> String {
    let package = pool.package(target.package);
    match obstacle {
        Obstacle::Fixed(None) => format!("{package} is excluded"),
        Obstacle::Fixed(Some(other)) => {
            format!(
                "instead of {package} there must be {}",
                pool.package(*other)
            )
        }
        Obstacle::Conflict { from, group, chain } => {
            let relation = relation(pool, *from, *group);
            let (from, other) = (pool.package(*from), chain.last().copied());
            let chain = chain.iter().map(|id| pool.package(*id).name().to_owned());
            let chain: Vec<String> = chain.collect();
            let other = other
                .map(|id| pool.package(id).to_string())
                .unwrap_or_default();
            format!(
                "{package} and {other} exclude each other: {} has {relation}; the latter is needed \
                 by {}",
                from.name(),
                shortened(&chain).join(" → ")
            )
        }
    }
}

/// For each name in a group that no version satisfies, the versions that exist.
fn missing(pool: &mut Pool<'_>, package: PackageId, group: usize) -> Vec<String> {
    let groups = pool.groups(package);
    let alternatives = groups[group].alternatives.iter();
    let universe = pool.universe();
    let explained = alternatives.map(|alternative| {
        let name = alternative.relation.name;
        let slot = pool.slot(name);
        let installed = pool.get(slot).installed.map(|id| pool.package(id));
        if let Some(installed) = installed {
            let hold = if installed.held() { ", held" } else { "" };
            return format!("{} {} is installed{hold}", name, installed.version());
        }
        let named: Vec<String> = universe.named(name).map(|p| p.to_string()).collect();
        match (named.is_empty(), pool.get(slot).candidate) {
            (true, _) => format!("no repository has `{name}`"),
            (false, Some(_)) => format!("there is only {}", list(&named)),
            (false, None) => format!("`{name}` is excluded"),
        }
    });
    let explained: Vec<String> = explained.collect();
    match explained.is_empty() {
        true => vec!["the field cannot be read".to_owned()],
        false => explained,
    }
}

fn list(items: &[String]) -> String {
    match items.get(..MAX_LISTED) {
        Some(shown) if items.len() > MAX_LISTED => shown.join(", ") + ", …",
        _ => items.join(", "),
    }
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => "; is its repository among the sources?".to_owned(),
        _ => format!("; did you mean {}?", list(near)),
    }
}

fn paragraphs(dead_ends: &[DeadEndText]) -> String {
    dead_ends
        .iter()
        .map(|dead_end| format!("\n  {dead_end}"))
        .collect()
}
