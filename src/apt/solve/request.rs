//! Requests for packages: names, versions, and sets of packages.

use super::explain::{self, SolveError};
use super::pool::{Pool, SlotId};
use super::universe::PackageId;
use crate::apt::index::{Package, Priority};
use crate::dpkg::{relation, version};
use std::fmt;
use std::str::FromStr;

/// Packages to install.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The packages by name; all others are installed automatically.
    pub packages: Vec<Wanted>,
    /// Whether to install every package that is essential.
    pub essential: bool,
    /// Whether to install every package of this priority or a higher one.
    pub priority: Option<Priority>,
    /// Whether to install what packages recommend.
    pub recommends: bool,
    /// Names that must not be installed.
    pub exclude: Vec<String>,
}

/// One requested package: `name`, `name:arch`, `name=version` or `name/repository`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its name, or one that a single package provides.
    pub name: String,
    /// Its architecture; if there is none, that of the image.
    pub architecture: Option<String>,
    /// The requested version.
    pub choice: Choice,
}

/// The requested version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// The preferred version.
    Any,
    /// This version.
    Version(String),
    /// The highest version of this repository. Dependencies that other repositories cannot satisfy
    /// are taken from it too.
    Repository(String),
}

/// The error for a text that is not a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no package: expected `name`, `name:arch`, `name=version` or `name/repository`")]
pub struct NotARequest(pub String);

impl FromStr for Wanted {
    type Err = NotARequest;

    fn from_str(text: &str) -> Result<Self, NotARequest> {
        let (subject, choice) = match text.find(['=', '/']) {
            None => (text, Choice::Any),
            Some(at) => {
                let value = text[at + 1..].to_owned();
                let choice = match text.as_bytes()[at] {
                    b'=' => Choice::Version(value),
                    _ => Choice::Repository(value),
                };
                (&text[..at], choice)
            }
        };
        let (name, architecture) = match subject.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (subject, None),
        };
        let choice_is_valid = match &choice {
            Choice::Any => true,
            Choice::Version(version) => version::check(version).is_ok(),
            Choice::Repository(repository) => !repository.is_empty(),
        };
        let architecture_is_valid = architecture.is_none_or(relation::is_name);
        if !relation::is_name(name) || !architecture_is_valid || !choice_is_valid {
            return Err(NotARequest(text.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            architecture: architecture.map(str::to_owned),
            choice,
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(architecture) = &self.architecture {
            write!(f, ":{architecture}")?;
        }
        match &self.choice {
            Choice::Any => Ok(()),
            Choice::Version(version) => write!(f, "={version}"),
            Choice::Repository(repository) => write!(f, "/{repository}"),
        }
    }
}

/// Removes the candidates of `names`.
pub(super) fn forbid(pool: &mut Pool<'_>, names: &[String]) -> Vec<SlotId> {
    names.iter().filter_map(|name| pool.forbid(name)).collect()
}

/// The slots that `request` asks for, with their candidates set: first the sets of packages, sorted
/// by name, then the named packages in their order.
pub(super) fn resolve(pool: &mut Pool<'_>, request: &Request) -> Result<Vec<SlotId>, SolveError> {
    let universe = pool.universe();
    let mut named = Vec::new();
    for wanted in &request.packages {
        if request.exclude.contains(&wanted.name) {
            let name = wanted.name.clone();
            return Err(SolveError::Excluded { name });
        }
        named.push(resolve_one(pool, wanted)?);
    }
    let mut slots = Vec::new();
    for id in universe.first_of_each_name() {
        let package = universe.package(id);
        let wanted = (request.essential && package.essential())
            || request
                .priority
                .is_some_and(|lowest| package.priority() <= lowest);
        if wanted && !request.exclude.iter().any(|name| name == package.name()) {
            slots.push(pool.slot(package.name()));
        }
    }
    slots.append(&mut named);
    let mut seen = std::collections::BTreeSet::new();
    slots.retain(|slot| seen.insert(*slot));
    Ok(slots)
}

fn resolve_one(pool: &mut Pool<'_>, wanted: &Wanted) -> Result<SlotId, SolveError> {
    let universe = pool.universe();
    let native = universe.architecture().debian();
    let fits = |architecture: &str| [native, "all", "native"].contains(&architecture);
    if let Some(architecture) = wanted.architecture.as_deref().filter(|a| !fits(a)) {
        return Err(SolveError::OtherArchitecture {
            wanted: wanted.to_string(),
            found: architecture.to_owned(),
            expected: native,
        });
    }
    let name = wanted.name.as_str();
    let ids = universe.ids_named(name);
    if ids.is_empty() {
        return match pool.installed_named(name) {
            Some(slot) if wanted.choice == Choice::Any => Ok(slot),
            _ => provider(pool, wanted),
        };
    }
    let matching = |fits: &dyn Fn(Package<'_>) -> bool| {
        let found = ids.iter().copied().find(|id| fits(universe.package(*id)));
        found.ok_or_else(|| explain::no_such_version(universe, name, wanted.to_string()))
    };
    match &wanted.choice {
        Choice::Any => {
            let slot = pool.slot(universe.package(ids[0]).name());
            match pool.get(slot).candidate.is_some() || universe.priority(ids[0]) > 0 {
                true => Ok(slot),
                false => Err(explain::forbidden(universe, name)),
            }
        }
        Choice::Version(version) => {
            let same = |p: Package<'_>| version::compare(p.version(), version).is_eq();
            matching(&same).map(|id| pool.choose_candidate(id))
        }
        Choice::Repository(repository) => {
            let from = |p: Package<'_>| p.repository() == repository;
            matching(&from).map(|id| pool.choose_with_needs(id))
        }
    }
}

/// The only package that provides the name, as apt would take it.
fn provider(pool: &mut Pool<'_>, wanted: &Wanted) -> Result<SlotId, SolveError> {
    let universe = pool.universe();
    let preferred = |id: &PackageId| {
        let package = universe.package(*id);
        universe.ids_named(package.name()).first() == Some(id)
    };
    let providers = universe.providers(&wanted.name).map(|(id, _)| id);
    let mut providers: Vec<PackageId> = providers.filter(preferred).collect();
    providers.dedup();
    match (providers[..].as_ref(), &wanted.choice) {
        ([only], Choice::Any) => Ok(pool.slot(universe.package(*only).name())),
        ([], _) => Err(explain::unknown(universe, &wanted.name)),
        _ => Err(SolveError::Virtual {
            name: wanted.name.clone(),
            providers: providers
                .iter()
                .map(|id| universe.package(*id).name().to_owned())
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_packages_are_read_and_shown() {
        for text in [
            "tor",
            "tor:arm64",
            "tor=0.4-1",
            "tor:all=1:2",
            "linux/debian/trixie-backports",
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        for text in ["", "=1", "a=", "a/", "a:", "a b", "a=1 2", "a:b:c"] {
            assert_eq!(text.parse::<Wanted>(), Err(NotARequest(text.to_owned())));
        }
    }
}
