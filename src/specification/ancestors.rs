//! Which profile builds on which.

use crate::define::ProfileFile;
use std::collections::{BTreeMap, BTreeSet};

/// The ancestors of each profile.
#[derive(Debug, Default)]
pub(super) struct Ancestors(BTreeMap<String, BTreeSet<String>>);

impl Ancestors {
    /// Takes note of a profile whose parents are known.
    pub(super) fn add(&mut self, file: &ProfileFile) {
        let mut ancestors = BTreeSet::new();
        for parent in &file.extends {
            ancestors.extend(self.0.get(&parent.value).into_iter().flatten().cloned());
            ancestors.insert(parent.value.clone());
        }
        self.0.insert(file.name.clone(), ancestors);
    }

    /// Whether `child` builds on `ancestor`.
    pub(super) fn extends(&self, child: &str, ancestor: &str) -> bool {
        let ancestors = self.0.get(child);
        ancestors.is_some_and(|ancestors| ancestors.contains(ancestor))
    }

    /// Whether neither of two profiles knows of the other.
    pub(super) fn unrelated(&self, one: &str, other: &str) -> bool {
        one != other && !self.extends(one, other) && !self.extends(other, one)
    }
}
