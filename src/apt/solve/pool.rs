//! The data of the solver: for every package name, the installed version and the candidate to
//! install; and the relations of packages, resolved to such versions.
//!
//! As in apt, only two versions of a name are considered: the installed one and the candidate,
//! which is the highest one in any repository, or the requested one.

use super::universe::{PackageId, Universe};
use crate::apt::index::{Index, Package, Text};
use crate::apt::preferences::DOWNGRADE;
use crate::dpkg::relation::{self, Relation};
use crate::dpkg::version;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A package name in a [`Pool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotId(pub(super) usize);

/// The versions of one name that are considered.
#[derive(Clone, Debug)]
pub(super) struct Slot<'a> {
    pub(super) name: &'a str,
    pub(super) candidate: Option<PackageId>,
    pub(super) installed: Option<PackageId>,
}

/// A version that satisfies a relation (or violates a negative one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) slot: SlotId,
    pub(super) package: PackageId,
}

/// One of several relations, with the packages that it means.
#[derive(Clone, Debug)]
pub(super) struct Alternative<'a> {
    pub(super) relation: Relation<'a>,
    /// The package of that name first, then those that provide it.
    pub(super) targets: Vec<Target>,
}

/// Alternatives of a field of a package.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    pub(super) field: Text,
    /// Empty if the field cannot be parsed; then no package satisfies the group.
    pub(super) alternatives: Vec<Alternative<'a>>,
}

impl Group<'_> {
    /// Whether the group is of Conflicts or Breaks.
    pub(super) fn negative(&self) -> bool {
        matches!(self.field, Text::Conflicts | Text::Breaks)
    }

    /// Whether the package does not work if the group does not hold.
    pub(super) fn critical(&self) -> bool {
        self.negative() || matches!(self.field, Text::PreDepends | Text::Depends)
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = Target> {
        self.alternatives
            .iter()
            .flat_map(|alternative| alternative.targets.iter().copied())
    }
}

/// The fields that solvers read, in apt's order.
const FIELDS: [Text; 6] = [
    Text::PreDepends,
    Text::Depends,
    Text::Conflicts,
    Text::Breaks,
    Text::Recommends,
    Text::Suggests,
];

/// The version of `name` to install if none is installed: that of the highest priority. `None` if
/// all versions are forbidden.
fn candidate(universe: &Universe, name: &str) -> Option<PackageId> {
    let first = universe.ids_named(name).first().copied();
    first.filter(|id| universe.priority(*id) > 0)
}

/// The version to which the installed `package` can be upgraded: one of a higher priority, or a
/// higher version of the same priority. An older version counts only with the priority of a
/// downgrade.
fn better(universe: &Universe, package: Package<'_>) -> Option<PackageId> {
    let newer = |id: PackageId| version::compare(universe.package(id).version(), package.version());
    let mut ids = universe.ids_named(package.name()).iter().copied();
    // The same version in a repository is the same package.
    let best = ids.find(|id| match newer(*id) {
        Ordering::Greater => true,
        Ordering::Equal => false,
        Ordering::Less => universe.priority(*id) >= DOWNGRADE,
    })?;
    let (priority, own) = (
        universe.priority(best),
        universe.priority_of_installed(package),
    );
    let wins = priority > own || priority == own && newer(best).is_gt();
    (priority > 0 && wins).then_some(best)
}

/// The packages that the solver looks at.
pub(super) struct Pool<'a> {
    universe: &'a Universe,
    installed: Option<&'a Index>,
    slots: Vec<Slot<'a>>,
    by_name: BTreeMap<&'a str, SlotId>,
    groups: BTreeMap<PackageId, Rc<[Group<'a>]>>,
    /// The installed packages that provide a name, each with the version of that name.
    installed_provides: BTreeMap<&'a str, Vec<(PackageId, Option<&'a str>)>>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(universe: &'a Universe, installed: Option<&'a Index>) -> Self {
        let mut pool = Self {
            universe,
            installed,
            slots: Vec::new(),
            by_name: BTreeMap::new(),
            groups: BTreeMap::new(),
            installed_provides: BTreeMap::new(),
        };
        for id in pool.installed_ids() {
            let package = pool.package(id);
            let slot = pool.slot(package.name());
            pool.slots[slot.0].installed = Some(id);
            let better = if package.held() {
                None
            } else {
                better(universe, package)
            };
            pool.slots[slot.0].candidate = better.or(Some(id));
            let provides = relation::parse(package.text(Text::Provides));
            for provided in provides.into_iter().flatten().flat_map(|group| group.0) {
                let version = provided.constraint.map(|c| c.version);
                let providers = pool.installed_provides.entry(provided.name).or_default();
                providers.push((id, version));
            }
        }
        pool
    }

    pub(super) fn universe(&self) -> &'a Universe {
        self.universe
    }

    pub(super) fn package(&self, id: PackageId) -> Package<'a> {
        match self.installed_position(id) {
            None => self.universe.package(id),
            Some(position) => {
                let found = self.installed.and_then(|index| index.get(position));
                found.expect("ids are made for existing packages")
            }
        }
    }

    /// The installed packages, by their position in the status file.
    fn installed_ids(&self) -> impl Iterator<Item = PackageId> + use<> {
        let start = self.universe.len();
        let ids = start..start + self.installed.map_or(0, Index::len);
        ids.map(|n| PackageId(u32::try_from(n).expect("two texts below 4 GiB have fewer stanzas")))
    }

    fn installed_position(&self, id: PackageId) -> Option<usize> {
        (id.0 as usize).checked_sub(self.universe.len())
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.slots.len()).map(SlotId)
    }

    pub(super) fn get(&self, slot: SlotId) -> &Slot<'a> {
        &self.slots[slot.0]
    }

    /// The slot of `name`, which need not be in any repository.
    pub(super) fn slot(&mut self, name: &'a str) -> SlotId {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = SlotId(self.slots.len());
        self.slots.push(Slot {
            name,
            candidate: candidate(self.universe, name),
            installed: None,
        });
        self.by_name.insert(name, slot);
        slot
    }

    /// The slot of a package that was found through a slot.
    pub(super) fn slot_of(&self, package: PackageId) -> SlotId {
        let slot = self.by_name.get(self.package(package).name());
        *slot.expect("packages are found through their slots")
    }

    /// Makes `package` the candidate of its name. This must be called before [`Pool::groups`].
    pub(super) fn choose_candidate(&mut self, package: PackageId) -> SlotId {
        let package_version = self.package(package).version();
        let slot = self.slot(self.package(package).name());
        let installed = self.slots[slot.0].installed;
        // The same version, installed, is the same package.
        let same = installed
            .filter(|id| version::compare(self.package(*id).version(), package_version).is_eq());
        self.slots[slot.0].candidate = same.or(Some(package));
        slot
    }

    /// Makes `package` the candidate of its name. For dependencies that no candidate satisfies,
    /// versions of the same repository become candidates too. This must be called before
    /// [`Pool::groups`].
    pub(super) fn choose_with_needs(&mut self, package: PackageId) -> SlotId {
        let slot = self.choose_candidate(package);
        let mut switched = vec![package];
        while let Some(id) = switched.pop() {
            let repository = self.package(id).repository();
            for relation in self.unmet_needs(id) {
                let named = self.universe.ids_named(relation.name).iter();
                let fitting = named.copied().find(|other| {
                    let other = self.package(*other);
                    let admitted = relation
                        .constraint
                        .is_none_or(|c| c.admits(other.version()));
                    admitted && other.repository() == repository
                });
                if let Some(other) = fitting {
                    self.choose_candidate(other);
                    switched.push(other);
                }
            }
        }
        slot
    }

    /// The first alternative of each dependency of `package` that no candidate satisfies.
    fn unmet_needs(&mut self, package: PackageId) -> Vec<Relation<'a>> {
        let package = self.package(package);
        let texts = [Text::PreDepends, Text::Depends].map(|field| package.text(field));
        let parsed = texts
            .into_iter()
            .filter_map(|text| relation::parse(text).ok());
        let mut unmet = Vec::new();
        for group in parsed.flatten() {
            let first = group.0.first().cloned();
            let mut alternatives = group.0.into_iter();
            if alternatives.all(|relation| self.alternative(relation, None).targets.is_empty()) {
                unmet.extend(first);
            }
        }
        unmet
    }

    /// Forbids to install `name`, or to change it if it is installed. This must be called before
    /// [`Pool::groups`].
    pub(super) fn forbid(&mut self, name: &str) -> Option<SlotId> {
        let id = self.universe.ids_named(name).first().copied()?;
        let slot = self.slot(self.universe.package(id).name());
        self.slots[slot.0].candidate = self.slots[slot.0].installed;
        Some(slot)
    }

    /// The slot of an installed package.
    pub(super) fn installed_named(&self, name: &str) -> Option<SlotId> {
        let slot = self.by_name.get(name).copied();
        slot.filter(|slot| self.get(*slot).installed.is_some())
    }

    /// The relations of `package`, in apt's order of fields.
    pub(super) fn groups(&mut self, package: PackageId) -> Rc<[Group<'a>]> {
        if let Some(groups) = self.groups.get(&package) {
            return Rc::clone(groups);
        }
        let (own, value) = (self.package(package).name(), self.package(package));
        let mut groups = Vec::new();
        for field in FIELDS {
            let Ok(parsed) = relation::parse(value.text(field)) else {
                let alternatives = Vec::new();
                groups.push(Group {
                    field,
                    alternatives,
                });
                continue;
            };
            for alternatives in parsed {
                let negative = matches!(field, Text::Conflicts | Text::Breaks);
                let own = negative.then_some(own);
                let alternatives = alternatives.0.into_iter();
                let applying = alternatives.filter(|r| r.applies_to(self.universe.architecture()));
                let resolved: Vec<_> = applying.map(|r| self.alternative(r, own)).collect();
                if !resolved.is_empty() {
                    groups.push(Group {
                        field,
                        alternatives: resolved,
                    });
                }
            }
        }
        let groups: Rc<[Group<'a>]> = groups.into();
        self.groups.insert(package, Rc::clone(&groups));
        groups
    }

    /// Finds the packages that `relation` means, except the package `without`, because no package
    /// conflicts with itself.
    fn alternative(&mut self, relation: Relation<'a>, without: Option<&str>) -> Alternative<'a> {
        let native = self.universe.architecture().debian();
        let mut targets = Vec::new();
        let any = relation.qualifier == Some("any");
        if !any
            && relation
                .qualifier
                .is_some_and(|q| q != "native" && q != native)
        {
            return Alternative { relation, targets };
        }
        let slot = self.slot(relation.name);
        let Slot {
            candidate,
            installed,
            ..
        } = self.slots[slot.0];
        let installed = installed.filter(|id| Some(*id) != candidate);
        if without != Some(relation.name) {
            let versions = candidate.into_iter().chain(installed);
            let admitted = versions.filter(|id| {
                let package = self.package(*id);
                let admitted = relation
                    .constraint
                    .is_none_or(|c| c.admits(package.version()));
                admitted && (!any || package.any_architecture())
            });
            targets.extend(admitted.map(|package| Target { slot, package }));
        }
        if !any {
            for package in self.providers(&relation) {
                let slot = self.slot(self.package(package).name());
                let Slot {
                    name,
                    candidate,
                    installed,
                } = self.slots[slot.0];
                let counts = [candidate, installed].contains(&Some(package));
                let target = Target { slot, package };
                if counts && without != Some(name) && !targets.contains(&target) {
                    targets.push(target);
                }
            }
        }
        Alternative { relation, targets }
    }

    /// The packages that provide the name of `relation`. Those that provide it without a version
    /// satisfy only relations without a version (policy 7.5).
    fn providers(&self, relation: &Relation<'_>) -> Vec<PackageId> {
        let satisfies = |version: Option<&str>| match (relation.constraint, version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(constraint), Some(version)) => constraint.admits(version),
        };
        let installed = self.installed_provides.get(relation.name);
        let installed = installed.into_iter().flatten().copied();
        let providers = self.universe.providers(relation.name).chain(installed);
        let satisfying = providers.filter(|(_, version)| satisfies(*version));
        satisfying.map(|(package, _)| package).collect()
    }
}
