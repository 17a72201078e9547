//! apt's way to an answer (`pkgDepCache::MarkInstall` of apt 2.6, observed and re-told).
//!
//! Every request is marked first. Then each one's relations are followed, depth first, in the
//! order of Pre-Depends, Depends, Conflicts, Breaks, Recommends: a group that something marked
//! satisfies is passed over, otherwise its candidates are tried in order. Whatever a request
//! leaves no choice about is *protected*: nothing may change it later, and what conflicts with it
//! loses its candidate. A package that fails is unmarked, and its candidate is gone for good.
//!
//! Nothing here is undone beyond that, so the outcome may be broken; [`Marker::broken`] tells.
//! Unlike apt, nothing that is installed is ever removed.

use super::places::places;
use super::pool::{Group, Pool, SlotId, Target};
use super::universe::PackageId;
use crate::debian::index::{Package, Priority, Text};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How deep dependencies may nest; in Debian about 100 are seen.
const MAX_DEPTH: usize = 1000;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    candidate: Option<PackageId>,
    /// What will be there in the end.
    chosen: Option<PackageId>,
    /// Chosen and not installed yet, or upgraded.
    marked: bool,
    protected: bool,
    automatic: bool,
}

/// One visit of a package name.
#[derive(Clone, Copy)]
struct Visit {
    slot: SlotId,
    depth: usize,
    /// The name was asked for.
    requested: bool,
    /// Its relations are to be followed.
    follow: bool,
}

impl Visit {
    /// A visit of something that the visited package needs.
    fn below(self, slot: SlotId, follow: bool) -> Self {
        Self {
            slot,
            depth: self.depth + 1,
            requested: false,
            follow,
        }
    }
}

/// How firmly a package is wanted.
#[derive(Clone, Copy)]
struct Strictness {
    /// Nothing may change it.
    protected: bool,
    /// The first thing that fails ends it.
    strict: bool,
}

/// How early a provider is tried.
type Rank = ([bool; 5], Priority);

/// Packages marked for installation.
pub(super) struct Marker<'p, 'a> {
    pool: &'p mut Pool<'a>,
    states: Vec<State>,
    installed_slots: Vec<SlotId>,
    recommends: bool,
    /// Places in apt's list of names, of providers between which nothing else decides.
    places: BTreeMap<&'a str, usize>,
}

impl<'p, 'a> Marker<'p, 'a> {
    /// Marks `requests` and what they need; `forbidden` names stay away.
    pub(super) fn mark_all(
        pool: &'p mut Pool<'a>,
        requests: &[SlotId],
        forbidden: &[SlotId],
        recommends: bool,
    ) -> Self {
        let installed = |slot: &SlotId| pool.get(*slot).installed.is_some();
        let mut marker = Self {
            installed_slots: pool.slots().filter(installed).collect(),
            pool,
            states: Vec::new(),
            recommends,
            places: BTreeMap::new(),
        };
        for slot in forbidden {
            marker.state(*slot).protected = true;
        }
        for follow in [false, true] {
            for slot in requests {
                marker.state(*slot).protected = true;
                marker.mark(Visit {
                    slot: *slot,
                    depth: 0,
                    requested: true,
                    follow,
                });
            }
        }
        marker
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

    /// What is chosen under each name, and whether only because something else needs it. What was
    /// chosen on the way and is needed by nothing is left out, as by apt's autoremover.
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

    /// The state of `slot`. Slots appear as relations are read.
    fn state(&mut self, slot: SlotId) -> &mut State {
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

    fn installed(&self, slot: SlotId) -> Option<PackageId> {
        self.pool.get(slot).installed
    }

    fn chosen_is(&mut self, target: Target) -> bool {
        self.state(target.slot).chosen == Some(target.package)
    }

    /// Whether `group` holds with what is chosen now.
    fn holds(&mut self, group: &Group<'_>) -> bool {
        group.targets().any(|target| self.chosen_is(target)) != group.negative()
    }

    fn counts(&self, group: &Group<'_>) -> bool {
        group.critical() || (group.field == Text::Recommends && self.recommends)
    }

    /// Marks a name for installation. False where that is impossible.
    fn mark(&mut self, visit: Visit) -> bool {
        let Visit {
            slot, requested, ..
        } = visit;
        let state = *self.state(slot);
        let kept = !state.marked && state.candidate == self.installed(slot);
        let may_change = requested || state.marked || !state.protected || kept;
        let Some(candidate) = state.candidate else {
            return false;
        };
        if visit.depth > MAX_DEPTH || !may_change {
            return false;
        }
        if !state.protected && (state.marked || kept) && self.whole(state.chosen) {
            return true;
        }
        if visit.follow && !self.satisfiable(slot, candidate) {
            return false;
        }
        if !visit.follow {
            self.change(slot, !requested);
            return true;
        }
        if requested {
            self.change(slot, false);
        }
        self.follow(visit, candidate)
    }

    /// Follows the relations of `candidate`, and chooses it if that works.
    fn follow(&mut self, visit: Visit, candidate: PackageId) -> bool {
        let slot = visit.slot;
        let protected = self.state(slot).protected;
        let strict = !protected && !visit.requested;
        let groups = self.pool.groups(candidate);
        let mut open = Vec::new();
        for group in groups.iter() {
            if self.counts(group) && (protected || !self.holds(group)) {
                open.push(group);
            }
        }
        let (negative, positive): (Vec<_>, Vec<_>) = open.into_iter().partition(|g| g.negative());
        let mut upgrades = Vec::new();
        let mut worked =
            self.push_aside(&negative, Strictness { protected, strict }, &mut upgrades);
        if !worked && strict {
            return false;
        }
        self.collect_upgrades(slot, candidate, &mut upgrades);
        if !visit.requested {
            self.change(slot, true);
        }
        // Nothing may undo what is being followed.
        self.state(slot).protected = true;
        self.upgrade_siblings(visit, candidate);
        for other in upgrades {
            let done = self.state(other).marked || self.mark(visit.below(other, true));
            worked &= done;
            if !worked && strict {
                break;
            }
        }
        if worked || !strict {
            worked &= self.install(visit, &positive, protected);
        }
        self.state(slot).protected = protected;
        if !worked && strict {
            self.discard(slot);
        }
        worked
    }

    /// Keeps what `negative` forbids from being installed; what is installed already and has a
    /// newer version goes to `upgrades`. False where something cannot give way.
    fn push_aside(
        &mut self,
        negative: &[&Group<'a>],
        Strictness { protected, strict }: Strictness,
        upgrades: &mut Vec<SlotId>,
    ) -> bool {
        let mut worked = true;
        let mut bad = Vec::new();
        for group in negative {
            for Target { slot, package } in self.solutions(group) {
                if self.state(slot).candidate != Some(package) {
                    continue;
                }
                if self.installed(slot) == Some(package) || !self.keep(slot) {
                    worked = false;
                } else if protected {
                    let installed = self.installed(slot);
                    let state = self.state(slot);
                    state.candidate = state.chosen;
                    state.protected |= installed.is_none();
                } else {
                    bad.push(slot);
                }
                if strict && !worked {
                    return false;
                }
            }
            for Target { slot, package } in group.targets() {
                let candidate = self.state(slot).candidate;
                if self.installed(slot) != Some(package) || candidate == Some(package) {
                    continue;
                }
                if candidate.is_some() && !bad.contains(&slot) {
                    upgrades.push(slot);
                } else {
                    worked = false;
                }
                if strict && !worked {
                    return false;
                }
            }
        }
        worked
    }

    /// Adds to `upgrades` what is installed and needs the version that `candidate` replaces.
    fn collect_upgrades(&mut self, slot: SlotId, candidate: PackageId, upgrades: &mut Vec<SlotId>) {
        let Some(old) = self.installed(slot).filter(|old| *old != candidate) else {
            return;
        };
        for other in self.installed_slots.clone() {
            let installed = self.installed(other).filter(|_| !self.state(other).marked);
            let Some(installed) = installed else { continue };
            let name = self.pool.get(slot).name;
            let groups = self.pool.groups(installed);
            let counting = groups.iter().filter(|g| !g.negative() && self.counts(g));
            let breaks = counting
                .flat_map(|group| &group.alternatives)
                .any(|alternative| {
                    let has = |package| alternative.targets.contains(&Target { slot, package });
                    alternative.relation.name == name && has(old) && !has(candidate)
                });
            if breaks && !upgrades.contains(&other) {
                upgrades.push(other);
            }
        }
    }

    /// Upgrades what is installed and built from the same source as `candidate`, to its version.
    fn upgrade_siblings(&mut self, visit: Visit, candidate: PackageId) {
        let source = self.pool.package(candidate).source();
        let mut siblings = Vec::new();
        for slot in self.installed_slots.clone() {
            let state = *self.state(slot);
            let newer = state
                .candidate
                .filter(|id| Some(*id) != self.installed(slot));
            let same = newer.is_some_and(|id| self.pool.package(id).source() == source);
            if slot != visit.slot && same && !state.marked {
                siblings.push(slot);
            }
        }
        for follow in [false, true] {
            for slot in &siblings {
                self.mark(visit.below(*slot, follow));
            }
        }
    }

    /// Marks something for each of the `groups` that the visited package has. `protected` says
    /// that the package itself cannot be given up.
    fn install(&mut self, visit: Visit, groups: &[&Group<'a>], protected: bool) -> bool {
        let mut worked = true;
        for group in groups {
            let holds = self.holds(group);
            if holds && (!protected || !group.critical()) {
                continue;
            }
            let done = match holds {
                true => self.protect_only_solution(visit, group),
                false if self.is_old_wish(visit.slot, group) => continue,
                false => self.install_one(visit, group, protected),
            };
            worked &= done || !group.critical();
            if !worked && !protected && !visit.requested {
                break;
            }
        }
        worked
    }

    /// Where one package alone can satisfy `group`, follows it as if it were asked for.
    fn protect_only_solution(&mut self, visit: Visit, group: &Group<'a>) -> bool {
        let mut possible: Vec<Target> = Vec::new();
        for target in group.targets() {
            let state = *self.state(target.slot);
            let installed = self.installed(target.slot);
            let counts = [state.candidate, installed].contains(&Some(target.package));
            let refused = state.protected && !state.marked && installed.is_none();
            if counts && !refused && !possible.contains(&target) {
                possible.push(target);
            }
        }
        let [only] = possible[..] else { return true };
        if std::mem::replace(&mut self.state(only.slot).protected, true) {
            return true;
        }
        self.mark(visit.below(only.slot, true))
    }

    fn install_one(&mut self, visit: Visit, group: &Group<'a>, protected: bool) -> bool {
        let solutions = self.solutions(group);
        let only = protected && group.critical() && solutions.len() == 1;
        for Target { slot, package } in solutions {
            if self.state(slot).candidate != Some(package) {
                continue;
            }
            if only {
                if !self.mark(visit.below(slot, false)) {
                    continue;
                }
                self.state(slot).protected = true;
            }
            if self.mark(visit.below(slot, true)) {
                return true;
            }
        }
        false
    }

    /// Whether `group` is a recommendation that the installed version of `slot` had too, and that
    /// was not followed then.
    fn is_old_wish(&mut self, slot: SlotId, group: &Group<'a>) -> bool {
        let Some(installed) = self.installed(slot).filter(|_| !group.critical()) else {
            return false;
        };
        let wish = group.alternatives.first().map(|a| a.relation.name);
        let groups = self.pool.groups(installed);
        let same = |old: &&Group<'_>| {
            let mut names = old.alternatives.iter().map(|a| a.relation.name);
            old.field == Text::Recommends && names.any(|name| Some(name) == wish)
        };
        let mut old = groups.iter().filter(same).peekable();
        let followed = |old: &Group<'_>| {
            old.targets()
                .any(|target| self.installed(target.slot) == Some(target.package))
        };
        old.peek().is_some() && !old.any(followed)
    }

    /// The candidates that satisfy `group`, the one to try first in front.
    fn solutions(&mut self, group: &Group<'a>) -> Vec<Target> {
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

    /// What comes first has the lesser rank.
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

    /// Orders the targets of equal rank by apt's places of their names, the last one first.
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

    /// Whether every critical relation of `candidate` could be satisfied; without that it is no
    /// candidate any more.
    fn satisfiable(&mut self, slot: SlotId, candidate: PackageId) -> bool {
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

    /// Whether the relations of what is chosen hold.
    fn whole(&mut self, chosen: Option<PackageId>) -> bool {
        let Some(chosen) = chosen else { return true };
        let groups = self.pool.groups(chosen);
        groups
            .iter()
            .all(|group| !self.counts(group) || self.holds(group))
    }

    /// Chooses the candidate of `slot`.
    fn change(&mut self, slot: SlotId, automatic: bool) {
        let installed = self.installed(slot);
        let state = self.state(slot);
        if state.protected && state.chosen == state.candidate {
            return;
        }
        state.chosen = state.candidate;
        state.marked = state.candidate != installed;
        state.automatic = automatic && installed.is_none();
    }

    /// Leaves `slot` as it is installed. False where it must not change any more.
    fn keep(&mut self, slot: SlotId) -> bool {
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
    fn discard(&mut self, slot: SlotId) {
        let installed = self.installed(slot);
        let state = self.state(slot);
        state.marked = false;
        state.chosen = installed;
        state.candidate = installed;
    }
}
