//! apt's algorithm (`pkgDepCache::MarkInstall` of apt 2.6, written anew from its observed
//! behaviour).
//!
//! First, every request is marked. Then the relations of each request are followed, depth first, in
//! the order of Pre-Depends, Depends, Conflicts, Breaks, Recommends: a group that a marked package
//! satisfies is passed over, otherwise its candidates are tried in order. A package to which a
//! request leaves no alternative is *protected*: it is not changed later, and packages that
//! conflict with it lose their candidates. A package that fails is unmarked, and its candidate is
//! lost for good.
//!
//! Nothing else is undone, so the result may be broken, which [`Marks::broken`] finds out. Unlike
//! in apt, no installed package is ever removed.

use super::marks::Marks;
use super::pool::{Group, SlotId, Target};
use super::universe::PackageId;
use crate::apt::index::Text;

/// The greatest depth of dependencies that is followed; Debian has about 100.
const MAX_DEPTH: usize = 1000;

/// One visit of a package name.
#[derive(Clone, Copy)]
struct Visit {
    slot: SlotId,
    depth: usize,
    /// Whether the name was requested.
    requested: bool,
    /// Whether its relations are followed.
    follow: bool,
}

impl Visit {
    /// A visit of a package that the visited package needs.
    fn below(self, slot: SlotId, follow: bool) -> Self {
        Self {
            slot,
            depth: self.depth + 1,
            requested: false,
            follow,
        }
    }
}

/// The consequences of a failure.
#[derive(Clone, Copy)]
struct Strictness {
    /// Whether the package must not be changed.
    protected: bool,
    /// Whether the first failure ends the visit.
    strict: bool,
}

/// Marks `requests` and their dependencies.
pub(super) fn mark_all(marks: &mut Marks<'_, '_>, requests: &[SlotId]) {
    for follow in [false, true] {
        for slot in requests {
            marks.state(*slot).protected = true;
            marks.mark(Visit {
                slot: *slot,
                depth: 0,
                requested: true,
                follow,
            });
        }
    }
}

impl<'a> Marks<'_, 'a> {
    /// Marks a name for installation. The result is false if that is impossible.
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
        let mut worked = self.avoid(&negative, Strictness { protected, strict }, &mut upgrades);
        if !worked && strict {
            return false;
        }
        self.collect_upgrades(slot, candidate, &mut upgrades);
        if !visit.requested {
            self.change(slot, true);
        }
        // The package must not be changed while its relations are followed.
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

    /// Keeps the packages that `negative` forbids from being installed. Installed ones that have a
    /// newer version are added to `upgrades`. The result is false if a package cannot be avoided.
    fn avoid(
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

    /// Adds to `upgrades` the installed packages that need the version that `candidate` replaces.
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

    /// Upgrades the installed packages that are built from the same source as `candidate`.
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

    /// Marks a package for each of the `groups` of the visited package. `protected` means that the
    /// visited package itself cannot be given up.
    fn install(&mut self, visit: Visit, groups: &[&Group<'a>], protected: bool) -> bool {
        let mut worked = true;
        for group in groups {
            let holds = self.holds(group);
            if holds && (!protected || !group.critical()) {
                continue;
            }
            let done = match holds {
                true => self.protect_only_solution(visit, group),
                false if self.is_declined_recommendation(visit.slot, group) => continue,
                false => self.install_one(visit, group, protected),
            };
            worked &= done || !group.critical();
            if !worked && !protected && !visit.requested {
                break;
            }
        }
        worked
    }

    /// If only one package can satisfy `group`, follows that package as if it were requested.
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

    /// Whether `group` is a recommendation that the installed version of `slot` has too, and that
    /// is not satisfied by an installed package.
    fn is_declined_recommendation(&mut self, slot: SlotId, group: &Group<'a>) -> bool {
        let Some(installed) = self.installed(slot).filter(|_| !group.critical()) else {
            return false;
        };
        let first = group.alternatives.first().map(|a| a.relation.name);
        let groups = self.pool.groups(installed);
        let same = |old: &&Group<'_>| {
            let mut names = old.alternatives.iter().map(|a| a.relation.name);
            old.field == Text::Recommends && names.any(|name| Some(name) == first)
        };
        let mut old = groups.iter().filter(same).peekable();
        let followed = |old: &Group<'_>| {
            old.targets()
                .any(|target| self.installed(target.slot) == Some(target.package))
        };
        old.peek().is_some() && !old.any(followed)
    }
}
