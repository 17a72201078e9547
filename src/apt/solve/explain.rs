//! Why there is no answer, in words.

use super::dead_end::{DeadEnd, Failure, Obstacle};
use super::pool::{Pool, Target};

use super::universe::{PackageId, Universe};
use std::fmt;
use std::sync::Arc;

/// How many names, versions or reasons a message lists.
const MAX_LISTED: usize = 5;
/// How many packages of a chain it lists.
const MAX_CHAIN: usize = 20;

/// A request that leads to no packages.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SolveError {
    /// No repository knows the name.
    #[error("no repository has a package `{name}`{}", did_you_mean(near))]
    Unknown {
        /// The name.
        name: String,
        /// Names that resemble it.
        near: Vec<String>,
    },
    /// Several packages provide the name, and none has it.
    #[error(
        "`{name}` is no package, but is provided by {}: ask for one of them",
        list(providers)
    )]
    Virtual {
        /// The name.
        name: String,
        /// Who provides it.
        providers: Vec<String>,
    },
    /// The package is there, but not as it is asked for.
    #[error("no repository has `{wanted}`; there is {}", list(found))]
    NoSuchVersion {
        /// What is asked for.
        wanted: String,
        /// What there is instead.
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
        /// What there is.
        found: Vec<String>,
    },
    /// The package is asked for with a foreign architecture.
    #[error(
        "`{wanted}` asks for architecture `{found}`, but the packages here are for `{expected}`"
    )]
    OtherArchitecture {
        /// What is asked for.
        wanted: String,
        /// Its architecture.
        found: String,
        /// The one that there is.
        expected: &'static str,
    },
    /// The package is asked for and excluded.
    #[error("`{name}` is asked for and excluded at once; remove one of the two")]
    Excluded {
        /// Its name.
        name: String,
    },
    /// Nothing satisfies the request.
    #[error("the packages cannot be installed together:{}", paragraphs(dead_ends))]
    Unsolvable {
        /// What was met first.
        dead_ends: Vec<DeadEndText>,
    },
    /// There may be an answer, but it was not found.
    #[error(
        "no way to install the packages together was found, though not every one was tried; ask \
         for one of the alternatives by name:{}",
        paragraphs(dead_ends)
    )]
    GaveUp {
        /// What was met first.
        dead_ends: Vec<DeadEndText>,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread to resolve packages")]
    NoThread {
        /// Why.
        source: Arc<std::io::Error>,
    },
}

/// A relation that nothing satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadEndText {
    /// From a request to the package with the relation; `name version (repository)` each.
    pub chain: Vec<String>,
    /// The relation with its field: `Depends: libc6 (>= 2.41)`. None where the package itself,
    /// which is asked for, is in the way of another.
    pub relation: Option<String>,
    /// What stands in the way of each package that could satisfy it.
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

/// A chain without its middle, where that is long.
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

/// The error for a name that nothing has.
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
    let found = universe.named(name).take(MAX_LISTED);
    SolveError::Forbidden {
        name: name.to_owned(),
        found: found.map(|package| package.to_string()).collect(),
    }
}

/// The error for a version or repository that package `name` does not have, in the words of who `wanted` it.
pub(super) fn no_such_version(universe: &Universe, name: &str, wanted: String) -> SolveError {
    let found = universe.named(name).take(MAX_LISTED);
    SolveError::NoSuchVersion {
        wanted,
        found: found.map(|package| package.to_string()).collect(),
    }
}

fn describe(pool: &mut Pool<'_>, dead_end: &DeadEnd) -> DeadEndText {
    let package = dead_end.chain.last().copied();
    let group = package.zip(dead_end.group);
    let relation = group.map(|(package, group)| relation(pool, package, group));
    let mut obstacles: Vec<String> = Vec::new();
    for (target, obstacle) in dead_end.obstacles.iter().take(MAX_LISTED) {
        obstacles.push(explain(pool, *target, obstacle));
    }
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
    match shown.is_empty() {
        false => format!("{}: {}", group.field, shown.join(" | ")),
        true => format!(
            "{}: {}",
            group.field,
            pool.package(package).text(group.field)
        ),
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

/// What there is of the names in a group that no version satisfies.
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
    let shown = items.iter().take(MAX_LISTED).cloned();
    let shown: Vec<String> = shown.collect();
    let more = if items.len() > MAX_LISTED {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
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
