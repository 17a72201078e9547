//! apt's way to an answer (`pkgDepCache::MarkInstall` of apt 2.6, observed and re-told).
//!
//! Every request is marked first. Then each one's relations are followed, depth first, in the
//! order of Pre-Depends, Depends, Conflicts, Breaks, Recommends: a group that something marked
//! satisfies is passed over, otherwise its candidates are tried in order. Whatever a request
//! leaves no choice about is *protected*: nothing may change it later, and what conflicts with it
//! loses its candidate. A package that fails is unmarked, and its candidate is gone for good.
//!
//! Nothing here is undone beyond that, so the outcome may be broken; [`Marks::broken`] tells.
//! Unlike apt, nothing that is installed is ever removed.

use super::marks::Marks;
use super::pool::{Group, SlotId, Target};
use super::universe::PackageId;
use crate::apt::index::Text;

/// How deep dependencies may nest; in Debian about 100 are seen.
const MAX_DEPTH: usize = 1000;

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

/// Marks packages for installation.
struct Marker<'m, 'p, 'a> {
    marks: &'m mut Marks<'p, 'a>,
}

/// Marks `requests` and what they need.
pub(super) fn mark_all(marks: &mut Marks<'_, '_>, requests: &[SlotId]) {
    let mut marker = Marker { marks };
    for follow in [false, true] {
        for slot in requests {
            marker.marks.state(*slot).protected = true;
            marker.mark(Visit {
                slot: *slot,
                depth: 0,
                requested: true,
                follow,
            });
        }
    }
}

impl<'a> Marker<'_, '_, 'a> {
    /// Marks a name for installation. False where that is impossible.
    fn mark(&mut self, visit: Visit) -> bool {
        let Visit {
            slot, requested, ..
        } = visit;
        let state = *self.marks.state(slot);
        let kept = !state.marked && state.candidate == self.marks.installed(slot);
        let may_change = requested || state.marked || !state.protected || kept;
        let Some(candidate) = state.candidate else {
            return false;
        };
        if visit.depth > MAX_DEPTH || !may_change {
            return false;
        }
        if !state.protected && (state.marked || kept) && self.marks.whole(state.chosen) {
            return true;
        }
        if visit.follow && !self.marks.satisfiable(slot, candidate) {
            return false;
        }
        if !visit.follow {
            self.marks.change(slot, !requested);
            return true;
        }
        if requested {
            self.marks.change(slot, false);
        }
        self.follow(visit, candidate)
    }

    /// Follows the relations of `candidate`, and chooses it if that works.
    fn follow(&mut self, visit: Visit, candidate: PackageId) -> bool {
        let slot = visit.slot;
        let protected = self.marks.state(slot).protected;
        let strict = !protected && !visit.requested;
        let groups = self.marks.pool.groups(candidate);
        let mut open = Vec::new();
        for group in groups.iter() {
            if self.marks.counts(group) && (protected || !self.marks.holds(group)) {
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
            self.marks.change(slot, true);
        }
        // Nothing may undo what is being followed.
        self.marks.state(slot).protected = true;
        self.upgrade_siblings(visit, candidate);
        for other in upgrades {
            let done = self.marks.state(other).marked || self.mark(visit.below(other, true));
            worked &= done;
            if !worked && strict {
                break;
            }
        }
        if worked || !strict {
            worked &= self.install(visit, &positive, protected);
        }
        self.marks.state(slot).protected = protected;
        if !worked && strict {
            self.marks.discard(slot);
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
            for Target { slot, package } in self.marks.solutions(group) {
                if self.marks.state(slot).candidate != Some(package) {
                    continue;
                }
                if self.marks.installed(slot) == Some(package) || !self.marks.keep(slot) {
                    worked = false;
                } else if protected {
                    let installed = self.marks.installed(slot);
                    let state = self.marks.state(slot);
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
                let candidate = self.marks.state(slot).candidate;
                if self.marks.installed(slot) != Some(package) || candidate == Some(package) {
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
        let Some(old) = self.marks.installed(slot).filter(|old| *old != candidate) else {
            return;
        };
        for other in self.marks.installed_slots.clone() {
            let installed = self
                .marks
                .installed(other)
                .filter(|_| !self.marks.state(other).marked);
            let Some(installed) = installed else { continue };
            let name = self.marks.pool.get(slot).name;
            let groups = self.marks.pool.groups(installed);
            let counting = groups
                .iter()
                .filter(|g| !g.negative() && self.marks.counts(g));
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
        let source = self.marks.pool.package(candidate).source();
        let mut siblings = Vec::new();
        for slot in self.marks.installed_slots.clone() {
            let state = *self.marks.state(slot);
            let newer = state
                .candidate
                .filter(|id| Some(*id) != self.marks.installed(slot));
            let same = newer.is_some_and(|id| self.marks.pool.package(id).source() == source);
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
            let holds = self.marks.holds(group);
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
            let state = *self.marks.state(target.slot);
            let installed = self.marks.installed(target.slot);
            let counts = [state.candidate, installed].contains(&Some(target.package));
            let refused = state.protected && !state.marked && installed.is_none();
            if counts && !refused && !possible.contains(&target) {
                possible.push(target);
            }
        }
        let [only] = possible[..] else { return true };
        if std::mem::replace(&mut self.marks.state(only.slot).protected, true) {
            return true;
        }
        self.mark(visit.below(only.slot, true))
    }

    fn install_one(&mut self, visit: Visit, group: &Group<'a>, protected: bool) -> bool {
        let solutions = self.marks.solutions(group);
        let only = protected && group.critical() && solutions.len() == 1;
        for Target { slot, package } in solutions {
            if self.marks.state(slot).candidate != Some(package) {
                continue;
            }
            if only {
                if !self.mark(visit.below(slot, false)) {
                    continue;
                }
                self.marks.state(slot).protected = true;
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
        let Some(installed) = self.marks.installed(slot).filter(|_| !group.critical()) else {
            return false;
        };
        let wish = group.alternatives.first().map(|a| a.relation.name);
        let groups = self.marks.pool.groups(installed);
        let same = |old: &&Group<'_>| {
            let mut names = old.alternatives.iter().map(|a| a.relation.name);
            old.field == Text::Recommends && names.any(|name| Some(name) == wish)
        };
        let mut old = groups.iter().filter(same).peekable();
        let followed = |old: &Group<'_>| {
            old.targets()
                .any(|target| self.marks.installed(target.slot) == Some(target.package))
        };
        old.peek().is_some() && !old.any(followed)
    }
}
