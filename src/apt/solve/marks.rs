//! The marks: the decisions about each package name, and queries about them.

use super::places::places;
use super::pool::{Group, Pool, SlotId, Target};
use super::universe::PackageId;
use crate::apt::index::{Package, Priority, Text};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The decisions about a name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// The version to install; lost once it has proved impossible.
    pub(super) candidate: Option<PackageId>,
    /// The version of the solution.
    pub(super) chosen: Option<PackageId>,
    /// Whether the package is to be installed or upgraded.
    pub(super) marked: bool,
    /// Whether the decision must not be changed.
    pub(super) protected: bool,
    automatic: bool,
}

/// The rank of a provider; lower ranks are tried first.
type Rank = ([bool; 5], Priority);

/// The decisions about every name.
pub(super) struct Marks<'p, 'a> {
    pub(super) pool: &'p mut Pool<'a>,
    states: Vec<State>,
    pub(super) installed_slots: Vec<SlotId>,
    recommends: bool,
    /// The places, in apt's list of names, of providers that are otherwise equal.
    places: BTreeMap<&'a str, usize>,
}

impl<'p, 'a> Marks<'p, 'a> {
    /// No package is marked, and `forbidden` names are protected.
    pub(super) fn new(pool: &'p mut Pool<'a>, forbidden: &[SlotId], recommends: bool) -> Self {
        let installed = |slot: &SlotId| pool.get(*slot).installed.is_some();
        let mut marks = Self {
            installed_slots: pool.slots().filter(installed).collect(),
            pool,
            states: Vec::new(),
            recommends,
            places: BTreeMap::new(),
        };
        for slot in forbidden {
            marks.state(*slot).protected = true;
        }
        marks
    }

    /// The first critical relation of a chosen package that does not hold.
    pub(super) fn broken(&mut self) -> Option<(PackageId, usize)> {
        for slot in self.pool.slots() {
            if let Some(package) = self.state(slot).chosen {
                let groups = self.pool.groups(package);
                let broken = |group: &Group<'_>| group.critical() && !self.holds(group);
                if let Some(position) = groups.iter().position(broken) {
                    return Some((package, position));
                }
            }
        }
        None
    }

    /// Whether every one of `requests` is chosen.
    pub(super) fn has_all(&mut self, requests: &[SlotId]) -> bool {
        requests.iter().all(|slot| {
            let state = self.state(*slot);
            state.chosen.is_some() && state.chosen == state.candidate
        })
    }

    /// The chosen package of each name, and whether it is there only because another package needs
    /// it. Chosen packages that no other package needs are left out, as apt's autoremover does.
    pub(super) fn chosen(&mut self) -> Vec<(SlotId, PackageId, bool)> {
        let mut needed = vec![false; self.pool.slots().count()];
        let mut queue = Vec::new();
        for slot in self.pool.slots() {
            let state = *self.state(slot);
            let installed = self.pool.get(slot).installed.is_some();
            let essential = |id| {
                let package: Package<'_> = self.pool.package(id);
                package.essential() || package.protected()
            };
            if let Some(id) = state.chosen
                && (!state.automatic || installed || essential(id))
            {
                needed[slot.0] = true;
                queue.push(id);
            }
        }
        while let Some(id) = queue.pop() {
            let groups = self.pool.groups(id);
            needed.resize(self.pool.slots().count(), false);
            let positive = groups.iter().filter(|group| !group.negative());
            for target in positive.flat_map(Group::targets) {
                let chosen = self.state(target.slot).chosen == Some(target.package);
                if chosen && !std::mem::replace(&mut needed[target.slot.0], true) {
                    queue.push(target.package);
                }
            }
        }
        let slots = self.pool.slots().filter(|slot| needed[slot.0]);
        let slots: Vec<SlotId> = slots.collect();
        let chosen = slots.into_iter().filter_map(|slot| {
            let state = *self.state(slot);
            Some((slot, state.chosen?, state.automatic))
        });
        chosen.collect()
    }

    /// The state of `slot`, which may be new, because slots are added as relations are read.
    pub(super) fn state(&mut self, slot: SlotId) -> &mut State {
        while self.states.len() <= slot.0 {
            let known = self.pool.get(SlotId(self.states.len()));
            self.states.push(State {
                candidate: known.candidate,
                chosen: known.installed,
                ..State::default()
            });
        }
        &mut self.states[slot.0]
    }

    pub(super) fn installed(&self, slot: SlotId) -> Option<PackageId> {
        self.pool.get(slot).installed
    }

    fn chosen_is(&mut self, target: Target) -> bool {
        self.state(target.slot).chosen == Some(target.package)
    }

    /// Whether `group` holds with the packages that are chosen now.
    pub(super) fn holds(&mut self, group: &Group<'_>) -> bool {
        group.targets().any(|target| self.chosen_is(target)) != group.negative()
    }

    pub(super) fn counts(&self, group: &Group<'_>) -> bool {
        group.critical() || (group.field == Text::Recommends && self.recommends)
    }

    /// Whether all relations of the `chosen` package hold.
    pub(super) fn whole(&mut self, chosen: Option<PackageId>) -> bool {
        let Some(chosen) = chosen else { return true };
        let groups = self.pool.groups(chosen);
        groups
            .iter()
            .all(|group| !self.counts(group) || self.holds(group))
    }

    /// Whether every critical relation of `candidate` could be satisfied. If not, it is no longer a
    /// candidate.
    pub(super) fn satisfiable(&mut self, slot: SlotId, candidate: PackageId) -> bool {
        let installed = self.installed(slot);
        if Some(candidate) == installed {
            return true;
        }
        let groups = self.pool.groups(candidate);
        for group in groups.iter().filter(|g| g.critical() && !g.negative()) {
            let possible = group.targets().any(|target| {
                let state = self.state(target.slot);
                [state.chosen, state.candidate].contains(&Some(target.package))
            });
            if !possible {
                let state = self.state(slot);
                if !state.protected {
                    state.candidate = installed;
                    state.chosen = installed;
                    state.marked = false;
                }
                return false;
            }
        }
        true
    }

    /// Chooses the candidate of `slot`.
    pub(super) fn change(&mut self, slot: SlotId, automatic: bool) {
        let installed = self.installed(slot);
        let state = self.state(slot);
        if state.protected && state.chosen == state.candidate {
            return;
        }
        state.chosen = state.candidate;
        state.marked = state.candidate != installed;
        state.automatic = automatic && installed.is_none();
    }

    /// Leaves `slot` as it is installed. The result is false if the decision must not be changed.
    pub(super) fn keep(&mut self, slot: SlotId) -> bool {
        let installed = self.installed(slot);
        let state = self.state(slot);
        if state.marked && state.protected {
            return false;
        }
        state.marked = false;
        state.chosen = installed;
        true
    }

    /// Leaves `slot` as it is installed, for good.
    pub(super) fn discard(&mut self, slot: SlotId) {
        let installed = self.installed(slot);
        let state = self.state(slot);
        state.marked = false;
        state.chosen = installed;
        state.candidate = installed;
    }

    /// The candidates that satisfy `group`, in the order in which they are tried.
    pub(super) fn solutions(&mut self, group: &Group<'a>) -> Vec<Target> {
        let (mut upgrades, mut new) = (Vec::new(), Vec::new());
        for alternative in &group.alternatives {
            let mut sorted = Vec::new();
            for target in &alternative.targets {
                let state = *self.state(target.slot);
                if state.candidate == Some(target.package) {
                    sorted.push((self.rank(*target, alternative.relation.name), *target));
                }
            }
            sorted.sort_by_key(|(rank, _)| *rank);
            self.order_equals(&mut sorted);
            let installed = |target: &Target| self.installed(target.slot).is_some();
            let (old, fresh) = sorted
                .into_iter()
                .map(|(_, t)| t)
                .partition::<Vec<_>, _>(installed);
            upgrades.extend(old);
            new.extend(fresh);
        }
        upgrades.append(&mut new);
        upgrades.dedup();
        if !group.negative() {
            upgrades.retain(|target| {
                let installed = self.pool.get(target.slot).installed.is_some();
                let state = self.states[target.slot.0];
                !state.protected || state.marked || installed
            });
        }
        upgrades
    }

    /// The rank of `target` among the packages that satisfy a relation to `name`.
    fn rank(&mut self, target: Target, name: &str) -> Rank {
        let package = self.pool.package(target.package);
        let protected = self.state(target.slot).protected;
        let preferred = [
            protected,
            self.installed(target.slot).is_some(),
            package.name() == name,
            package.essential(),
            package.protected(),
        ];
        (preferred.map(|yes| !yes), package.priority())
    }

    /// Sorts targets of equal rank by the places of their names in apt's list, the last one first.
    fn order_equals(&mut self, sorted: &mut [(Rank, Target)]) {
        for equals in sorted.chunk_by_mut(|a, b| a.0 == b.0) {
            if equals.len() < 2 {
                continue;
            }
            let name = |target: &Target| self.pool.get(target.slot).name;
            let names: BTreeSet<&str> = equals.iter().map(|(_, t)| name(t)).collect();
            if names.iter().any(|name| !self.places.contains_key(name)) {
                let known = self.places.keys().copied().chain(names).collect();
                self.places = places(self.pool.universe(), &known);
            }
            equals.sort_by_key(|(_, target)| Reverse(self.places.get(name(target))));
        }
    }
}
