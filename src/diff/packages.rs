//! The packages that differ, with their changelogs.

use super::change::{Field, fields};
use super::changelog;
use crate::dpkg::version;
use crate::inspect::{Package, System};
use crate::lock::LockedPackage;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A package that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its architecture, in the second if both have it.
    pub architecture: String,
    /// How it differs.
    pub change: PackageChangeKind,
    /// Its version in the first.
    pub before: Option<String>,
    /// Its version in the second.
    pub after: Option<String>,
    /// The fields that differ apart from the version.
    pub fields: Vec<Field>,
    /// The address of the changelog of the newer version, or of the page that leads to it, if the package is Debian's.
    pub changelog: Option<String>,
}

/// How a package differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageChangeKind {
    /// The second has a newer version.
    Upgraded,
    /// The second has an older version.
    Downgraded,
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have the same version, and something else differs.
    Changed,
}

impl PackageChangeKind {
    /// All kinds, in the order in which they are counted.
    pub(super) const ALL: [Self; 5] = [
        Self::Upgraded,
        Self::Downgraded,
        Self::Added,
        Self::Removed,
        Self::Changed,
    ];

    /// The kind as a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// The packages that differ between two systems.
pub(super) fn of_systems(before: &System, after: &System) -> Vec<PackageChange> {
    let item = |system: &'_ System, package: &'_ Package| Item {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
        changelog: changelog::of_installed(package, system),
    };
    let items = |system: &'_ System| -> Vec<Item> {
        system
            .packages
            .iter()
            .map(|package| item(system, package))
            .collect()
    };
    let others = |one: Option<usize>, other: Option<usize>| {
        let (Some(one), Some(other)) = (one, other) else {
            return Vec::new();
        };
        let mut fields = fields(Some(&before.packages[one]), Some(&after.packages[other]));
        // The source has the version of the package, and the section decides nothing.
        fields.retain(|field| !["version", "source", "section"].contains(&field.name.as_str()));
        fields
    };
    compare(&items(before), &items(after), others)
}

/// The packages that differ between two parts of locks.
pub(super) fn of_locks<'l>(
    before: impl Iterator<Item = &'l LockedPackage>,
    after: impl Iterator<Item = &'l LockedPackage>,
) -> Vec<PackageChange> {
    let (before, after): (Vec<_>, Vec<_>) = (before.collect(), after.collect());
    let items = |packages: &[&LockedPackage]| -> Vec<Item> {
        let item = |package: &&LockedPackage| Item {
            name: package.name.clone(),
            architecture: package.architecture.clone(),
            version: package.version.clone(),
            changelog: changelog::of_locked(package),
        };
        packages.iter().map(item).collect()
    };
    let others = |one: Option<usize>, other: Option<usize>| {
        let (Some(one), Some(other)) = (one, other) else {
            return Vec::new();
        };
        let (one, other) = (before[one], after[other]);
        let mut fields = fields(Some(one), Some(other));
        // The file of another version has another path, length and digest.
        let follows = ["version", "path", "size", "sha256"];
        let is_same = one.version == other.version;
        fields.retain(|field| is_same || !follows.contains(&field.name.as_str()));
        fields
    };
    compare(&items(&before), &items(&after), others)
}

/// A package of a list.
struct Item {
    name: String,
    architecture: String,
    version: String,
    changelog: Option<String>,
}

/// The packages that differ between two lists. `others` gives the fields that differ between two packages with these
/// indices, apart from their versions.
fn compare(
    before: &[Item],
    after: &[Item],
    others: impl Fn(Option<usize>, Option<usize>) -> Vec<Field>,
) -> Vec<PackageChange> {
    let mut changes = Vec::new();
    for (one, other) in pairs(before, after) {
        let (item, newer) = (
            one.map(|index| &before[index]),
            other.map(|index| &after[index]),
        );
        let Some(shown) = newer.or(item) else {
            continue;
        };
        let fields = others(one, other);
        let change = match (item, newer) {
            (None, _) => PackageChangeKind::Added,
            (_, None) => PackageChangeKind::Removed,
            (Some(item), Some(newer)) => match version::compare(&item.version, &newer.version) {
                Ordering::Less => PackageChangeKind::Upgraded,
                Ordering::Greater => PackageChangeKind::Downgraded,
                Ordering::Equal if fields.is_empty() && item.version == newer.version => continue,
                Ordering::Equal => PackageChangeKind::Changed,
            },
        };
        let changelog = match change {
            PackageChangeKind::Upgraded | PackageChangeKind::Added => newer,
            PackageChangeKind::Downgraded => item,
            PackageChangeKind::Removed | PackageChangeKind::Changed => None,
        };
        changes.push(PackageChange {
            name: shown.name.clone(),
            architecture: shown.architecture.clone(),
            change,
            before: item.map(|it| it.version.clone()),
            after: newer.map(|it| it.version.clone()),
            fields,
            changelog: changelog.and_then(|it| it.changelog.clone()),
        });
    }
    changes
}

/// The indices of the packages that are one package in both lists: those of the same name and architecture, and the
/// only ones of a name whose architecture changed, as from `amd64` to `all`. They are sorted by name.
fn pairs(before: &[Item], after: &[Item]) -> Vec<(Option<usize>, Option<usize>)> {
    let (before, after) = (by_name(before), by_name(after));
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut pairs = Vec::new();
    for name in names {
        let mut one = before.get(name).cloned().unwrap_or_default();
        let mut other = after.get(name).cloned().unwrap_or_default();
        let same: Vec<&str> = one
            .keys()
            .filter(|it| other.contains_key(*it))
            .copied()
            .collect();
        for architecture in same {
            pairs.push((one.remove(architecture), other.remove(architecture)));
        }
        let (one, other): (Vec<_>, Vec<_>) =
            (one.into_values().collect(), other.into_values().collect());
        match (one.as_slice(), other.as_slice()) {
            ([one], [other]) => pairs.push((Some(*one), Some(*other))),
            (one, other) => {
                pairs.extend(one.iter().map(|one| (Some(*one), None)));
                pairs.extend(other.iter().map(|other| (None, Some(*other))));
            }
        }
    }
    pairs
}

/// The indices of packages of one name by architecture.
type Architectures<'i> = BTreeMap<&'i str, usize>;

/// The indices of packages by name and architecture.
fn by_name(items: &[Item]) -> BTreeMap<&str, Architectures<'_>> {
    let mut named: BTreeMap<&str, Architectures<'_>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let architectures = named.entry(&item.name).or_default();
        architectures.insert(&item.architecture, index);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, architecture: &str, version: &str) -> Item {
        Item {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: version.to_owned(),
            changelog: Some(format!("{name}/{version}")),
        }
    }

    #[test]
    fn a_package_is_known_by_name_and_architecture() {
        let before = [
            item("a", "amd64", "1:1"),
            item("b", "amd64", "2"),
            item("b", "i386", "2"),
            item("c", "amd64", "1"),
            item("d", "all", "1"),
            item("e", "all", "1"),
        ];
        let after = [
            item("a", "all", "2:0"),
            item("b", "amd64", "2~rc1"),
            item("c", "amd64", "1"),
            item("e", "all", "0:1"),
            item("f", "all", "1"),
        ];
        let changes = compare(&before, &after, |_, _| Vec::new());
        let shown: Vec<_> = changes
            .iter()
            .map(|it| {
                let log = it.changelog.as_deref().unwrap_or("-");
                format!("{} {}:{} {log}", it.change.word(), it.name, it.architecture)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "upgraded a:all a/2:0",
                "downgraded b:amd64 b/2",
                "removed b:i386 -",
                "removed d:all -",
                "changed e:all -",
                "added f:all f/1",
            ]
        );
    }
}
