//! Searches for a solution, if apt's algorithm finds none.
//!
//! The open group with the fewest possible packages is satisfied first, so that forced packages
//! come before any choice. A choice that fails is taken back. Conflicts count in both directions;
//! an installed package is upgraded to end one, if possible. The search is limited, and reports
//! when it gives up. Each step looks at every group of the chosen packages, so the limit is on the
//! groups that are looked at: a chain of 30,000 dependencies must come to an end too.

mod trace;

use super::dead_end::{DeadEnd, Failure, Obstacle, Reason};
use super::pool::{Group, Pool, SlotId, Target};
use super::universe::PackageId;
use crate::apt::index::Text;
use std::collections::BTreeMap;

/// The number of choices that are taken back before the search gives up.
const MAX_RETRIES: usize = 2000;
/// The number of groups that are looked at before the search gives up. 2,000 packages of Debian on
/// top of an image take about two million.
const MAX_LOOKS: u64 = 20_000_000;
/// The number of dead ends that are remembered for the message.
const MAX_DEAD_ENDS: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Chosen {
    package: PackageId,
    reason: Reason,
}

/// A choice that can be taken back.
struct Choice {
    /// The number of packages that were chosen before it.
    depth: usize,
    reason: Reason,
    /// The other possible packages; the last one is tried next.
    rest: Vec<Target>,
}

/// The state of a search.
pub(super) struct Search<'p, 'a> {
    pool: &'p mut Pool<'a>,
    /// The chosen package of each slot. An installed package counts as chosen until it is replaced.
    chosen: BTreeMap<SlotId, Chosen>,
    /// The chosen slots in order, each with the choice that it replaced.
    trail: Vec<(SlotId, Option<Chosen>)>,
    forbidden: Vec<SlotId>,
    /// For each package, the negative groups of chosen packages that exclude it.
    excluded: BTreeMap<PackageId, Vec<(PackageId, usize)>>,
    dead_ends: Vec<DeadEnd>,
    /// The number of groups that were looked at.
    looks: u64,
}

impl<'p, 'a> Search<'p, 'a> {
    /// Finds packages that satisfy `requests`, and then adds the packages that they recommend, if
    /// these need no other choice. The result says of each package whether only another package
    /// needs it.
    pub(super) fn run(
        pool: &'p mut Pool<'a>,
        requests: &[SlotId],
        forbidden: &[SlotId],
        recommends: bool,
    ) -> Result<Vec<(SlotId, PackageId, bool)>, Failure> {
        let mut search = Self {
            pool,
            chosen: BTreeMap::new(),
            trail: Vec::new(),
            forbidden: forbidden.to_vec(),
            excluded: BTreeMap::new(),
            dead_ends: Vec::new(),
            looks: 0,
        };
        for slot in search.pool.slots() {
            if let Some(package) = search.pool.get(slot).installed {
                search.set(slot, package, Reason::Installed);
            }
        }
        search.trail.clear();
        search.requests(requests)?;
        search.close(&[Text::PreDepends, Text::Depends])?;
        if recommends {
            search.follow_recommendations();
        }
        let requested = |chosen: &Chosen| chosen.reason == Reason::Requested;
        let chosen = search.chosen.iter();
        Ok(chosen
            .map(|(slot, c)| (*slot, c.package, !requested(c)))
            .collect())
    }

    fn requests(&mut self, requests: &[SlotId]) -> Result<(), Failure> {
        for slot in requests {
            let Some(package) = self.pool.get(*slot).candidate else {
                continue;
            };
            let target = Target {
                slot: *slot,
                package,
            };
            if let Some(obstacle) = self.obstacle(target) {
                let (chain, obstacles) = (vec![package], vec![(target, obstacle)]);
                let dead_ends = vec![DeadEnd {
                    chain,
                    group: None,
                    obstacles,
                }];
                return Err(Failure {
                    dead_ends,
                    complete: true,
                });
            }
            self.set(*slot, package, Reason::Requested);
        }
        Ok(())
    }

    /// Chooses packages until every group of the `fields` holds.
    fn close(&mut self, fields: &[Text]) -> Result<(), Failure> {
        let mut choices: Vec<Choice> = Vec::new();
        let mut retries = 0;
        while let Some((package, position, mut possible)) = self.open_group(fields) {
            let reason = Reason::Needed(package, position);
            if self.looks > MAX_LOOKS {
                self.remember(package, position);
                return Err(self.failure(false));
            }
            if possible.is_empty() {
                self.remember(package, position);
                let next = self.take_back(&mut choices);
                retries += 1;
                let (Some((target, reason)), true) = (next, retries <= MAX_RETRIES) else {
                    return Err(self.failure(retries <= MAX_RETRIES));
                };
                self.set(target.slot, target.package, reason);
                continue;
            }
            let target = possible.remove(0);
            if !possible.is_empty() {
                possible.reverse();
                choices.push(Choice {
                    depth: self.trail.len(),
                    reason,
                    rest: possible,
                });
            }
            self.set(target.slot, target.package, reason);
        }
        Ok(())
    }

    fn failure(&mut self, complete: bool) -> Failure {
        Failure {
            dead_ends: std::mem::take(&mut self.dead_ends),
            complete,
        }
    }

    /// Undoes the last choice that has another possibility, and gives that.
    fn take_back(&mut self, choices: &mut Vec<Choice>) -> Option<(Target, Reason)> {
        while let Some(mut choice) = choices.pop() {
            self.undo(choice.depth);
            if let Some(target) = choice.rest.pop() {
                let reason = choice.reason;
                choices.push(choice);
                return Some((target, reason));
            }
        }
        None
    }

    /// Adds the packages that chosen packages recommend, with their dependencies, if that is
    /// possible.
    fn follow_recommendations(&mut self) {
        let mut position = 0;
        while position < self.trail.len() {
            let slot = self.trail[position].0;
            position += 1;
            let Some(package) = self.chosen.get(&slot).map(|chosen| chosen.package) else {
                continue;
            };
            let groups = self.pool.groups(package);
            for (number, group) in groups.iter().enumerate() {
                if group.field != Text::Recommends || self.holds(group) {
                    continue;
                }
                for target in self.possible(group) {
                    let before = self.trail.len();
                    self.set(target.slot, target.package, Reason::Needed(package, number));
                    if self.close(&[Text::PreDepends, Text::Depends]).is_ok() {
                        break;
                    }
                    self.undo(before);
                }
            }
        }
    }

    /// The group that does not hold and has the fewest possible packages; if several have, the
    /// first one. Two possible packages count as many as any higher number.
    fn open_group(&mut self, fields: &[Text]) -> Option<(PackageId, usize, Vec<Target>)> {
        let mut best: Option<(PackageId, usize, Vec<Target>)> = None;
        for package in self.in_order() {
            let groups = self.pool.groups(package);
            self.looks += 1 + groups.len() as u64;
            for (position, group) in groups.iter().enumerate() {
                let possible = match group.negative() {
                    true if self.holds(group) => self.ways_out(package, group),
                    false if fields.contains(&group.field) && !self.holds(group) => {
                        self.possible(group)
                    }
                    _ => continue,
                };
                let fewer = best
                    .as_ref()
                    .is_none_or(|b| possible.len() < b.2.len().min(2));
                if fewer {
                    let done = possible.is_empty();
                    best = Some((package, position, possible));
                    if done {
                        return best;
                    }
                }
            }
        }
        best
    }

    /// The chosen packages: first the installed ones, then the others in the order of their choice.
    fn in_order(&self) -> Vec<PackageId> {
        let untouched = |chosen: &&Chosen| chosen.reason == Reason::Installed;
        let installed = self.chosen.values().filter(untouched);
        let rest = self
            .trail
            .iter()
            .filter_map(|(slot, _)| self.chosen.get(slot));
        installed.chain(rest).map(|chosen| chosen.package).collect()
    }

    /// Whether `group` names a chosen package.
    fn holds(&self, group: &Group<'_>) -> bool {
        group.targets().any(|target| self.is_chosen(target))
    }

    /// The upgrades that end the conflict of `package` with the packages that its negative `group`
    /// names.
    fn ways_out(&mut self, package: PackageId, group: &Group<'_>) -> Vec<Target> {
        let own = self.pool.slot_of(package);
        let others = group.targets().filter(|target| self.is_chosen(*target));
        let slots = others.map(|target| target.slot).chain([own]);
        let upgrades: Vec<Target> = slots.filter_map(|slot| self.upgrade(slot)).collect();
        let helps = |target: &Target| !group.targets().any(|other| other == *target);
        let free = |target: &Target| self.obstacle(*target).is_none();
        upgrades.into_iter().filter(helps).filter(free).collect()
    }

    /// The version that can replace the installed one in `slot`, if that one is still chosen.
    fn upgrade(&self, slot: SlotId) -> Option<Target> {
        let chosen = self.chosen.get(&slot)?;
        let package = self.pool.get(slot).candidate?;
        let upgradable = chosen.reason == Reason::Installed && package != chosen.package;
        upgradable.then_some(Target { slot, package })
    }

    fn is_chosen(&self, target: Target) -> bool {
        let chosen = self.chosen.get(&target.slot);
        chosen.is_some_and(|chosen| chosen.package == target.package)
    }

    fn possible(&mut self, group: &Group<'_>) -> Vec<Target> {
        let mut possible = Vec::new();
        for alternative in &group.alternatives {
            let mut targets = alternative.targets.clone();
            targets.sort_by_key(|target| {
                let package = self.pool.package(target.package);
                let named = package.name() == alternative.relation.name;
                (
                    !named,
                    !package.essential(),
                    package.priority(),
                    package.name(),
                )
            });
            for target in targets {
                if !possible.contains(&target) && self.obstacle(target).is_none() {
                    possible.push(target);
                }
            }
        }
        possible
    }

    /// Why `target` cannot be chosen.
    fn obstacle(&mut self, target: Target) -> Option<Obstacle> {
        let before = self.chosen.get(&target.slot).copied();
        if let Some(chosen) = before
            && chosen.reason != Reason::Installed
            && chosen.package != target.package
        {
            return Some(Obstacle::Fixed(Some(chosen.package)));
        }
        let counts = self.pool.get(target.slot);
        let known = [counts.candidate, counts.installed].contains(&Some(target.package));
        if !known || (before.is_none() && self.forbidden.contains(&target.slot)) {
            return Some(Obstacle::Fixed(None));
        }
        if let Some((from, group)) = self.excluder(target) {
            let chain = self.chain(from);
            return Some(Obstacle::Conflict { from, group, chain });
        }
        let groups = self.pool.groups(target.package);
        for (position, group) in groups.iter().enumerate().filter(|(_, g)| g.negative()) {
            let stays = |other: &Target| {
                other.slot != target.slot
                    && self.is_chosen(*other)
                    && self.upgrade(other.slot).is_none()
            };
            let hit = group.targets().find(stays);
            if let Some(other) = hit {
                return Some(Obstacle::Conflict {
                    from: target.package,
                    group: position,
                    chain: self.chain(other.package),
                });
            }
        }
        None
    }

    /// The chosen package that excludes `target` and is not another version of it.
    fn excluder(&self, target: Target) -> Option<(PackageId, usize)> {
        let own = self.chosen.get(&target.slot).map(|chosen| chosen.package);
        let excluders = self.excluded.get(&target.package)?;
        excluders.iter().copied().find(|(from, _)| {
            Some(*from) != own && self.upgrade(self.pool.slot_of(*from)).is_none()
        })
    }

    fn set(&mut self, slot: SlotId, package: PackageId, reason: Reason) {
        let before = self.chosen.insert(slot, Chosen { package, reason });
        if let Some(before) = before {
            self.exclude(before.package, false);
        }
        self.exclude(package, true);
        self.trail.push((slot, before));
    }

    fn undo(&mut self, depth: usize) {
        while self.trail.len() > depth {
            let Some((slot, before)) = self.trail.pop() else {
                return;
            };
            if let Some(chosen) = self.chosen.remove(&slot) {
                self.exclude(chosen.package, false);
            }
            if let Some(before) = before {
                self.exclude(before.package, true);
                self.chosen.insert(slot, before);
            }
        }
    }

    /// Enters the packages that `package` excludes, or removes them.
    fn exclude(&mut self, package: PackageId, enter: bool) {
        let groups = self.pool.groups(package);
        for (position, group) in groups.iter().enumerate().filter(|(_, g)| g.negative()) {
            for target in group.targets() {
                let excluders = self.excluded.entry(target.package).or_default();
                match enter {
                    true => excluders.push((package, position)),
                    false => excluders.retain(|entry| *entry != (package, position)),
                }
            }
        }
    }
}
