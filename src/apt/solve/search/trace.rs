//! Describes the dead ends of a search.

use super::super::dead_end::{DeadEnd, Reason};
use super::super::pool::Target;
use super::super::universe::PackageId;
use super::{MAX_DEAD_ENDS, Search};
use std::collections::BTreeSet;

impl Search<'_, '_> {
    /// Notes that no package can satisfy group `position` of `package`.
    pub(super) fn remember(&mut self, package: PackageId, position: usize) {
        if self.dead_ends.len() >= MAX_DEAD_ENDS {
            return;
        }
        let groups = self.pool.groups(package);
        let targets: Vec<Target> = groups[position].targets().collect();
        let obstacles = targets.into_iter();
        let obstacles = obstacles
            .filter_map(|t| Some((t, self.obstacle(t)?)))
            .collect();
        let (chain, group) = (self.chain(package), Some(position));
        self.dead_ends.push(DeadEnd {
            chain,
            group,
            obstacles,
        });
    }

    /// The chain of packages from a request, or from an installed package, to `package`.
    pub(super) fn chain(&self, package: PackageId) -> Vec<PackageId> {
        let mut chain = vec![package];
        let mut met = BTreeSet::from([package]);
        let reason_of = |package: PackageId| {
            let chosen = self.chosen.get(&self.pool.slot_of(package));
            let chosen = chosen.filter(|chosen| chosen.package == package);
            chosen.map(|chosen| chosen.reason)
        };
        let mut current = package;
        while let Some(Reason::Needed(parent, _)) = reason_of(current) {
            if !met.insert(parent) {
                break;
            }
            chain.push(parent);
            current = parent;
        }
        chain.reverse();
        chain
    }
}
