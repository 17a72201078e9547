//! The order in which profiles are merged: each profile after the profiles that it extends.

use crate::define::{Definitions, ProfileFile};
use crate::diag::{Diagnostic, Diagnostics};
use std::collections::{BTreeMap, BTreeSet};

/// The largest number of profiles in one image. The longest chain that is shipped has 4.
const MAX_PROFILES: usize = 64;

/// The profiles of an image and their ancestors. Each is there once, and an ancestor comes before the profiles that extend it.
#[derive(Default)]
pub(super) struct Lineage {
    pub(super) files: Vec<ProfileFile>,
    pub(super) ancestors: Ancestors,
    /// The profiles whose ancestors are being read.
    open: Vec<String>,
    /// Whether a profile is missing or the ancestors of one form a circle.
    pub(super) broken: bool,
}

impl Lineage {
    /// Adds `file` after its ancestors, which are read from `all`.
    pub(super) fn add(
        &mut self,
        diagnostics: &mut Diagnostics,
        all: &Definitions,
        file: ProfileFile,
    ) {
        if self.files.iter().any(|known| known.name == file.name) {
            return;
        }
        self.open.push(file.name.clone());
        for parent in &file.extends {
            if self.files.len() + self.open.len() > MAX_PROFILES {
                if !std::mem::replace(&mut self.broken, true) {
                    let title = format!("more than {MAX_PROFILES} profiles build on each other");
                    let problem = Diagnostic::new("profile::too-many", title);
                    diagnostics.push(problem.label(&parent.span, ""));
                }
                break;
            }
            if self.open.contains(&parent.value) {
                self.broken = true;
                let chain = self.open.join("` extends `");
                let title = format!("`{chain}` extends `{}`", parent.value);
                diagnostics.push(
                    Diagnostic::new("profile::circle", title).label(&parent.span, "a circle"),
                );
                continue;
            }
            if self.files.iter().any(|known| known.name == parent.value) {
                continue;
            }
            match all.profile(diagnostics, parent) {
                Some(parent) => self.add(diagnostics, all, parent),
                None => self.broken = true,
            }
        }
        self.open.pop();
        self.ancestors.add(&file);
        self.files.push(file);
    }

    /// Whether the profiles that were `asked` for can be combined, as far as this does not depend on settings and overlays.
    pub(super) fn check(&self, diagnostics: &mut Diagnostics, asked: &[&str]) -> bool {
        let mut sound = true;
        for (place, name) in asked.iter().enumerate() {
            let mut others = asked.iter().enumerate();
            let whole = others.find(|&(at, other)| {
                let twice = other == name && at < place;
                twice || self.ancestors.extends(other, name)
            });
            if let Some((_, whole)) = whole {
                sound = false;
                let title = format!("`{name}` is part of `{whole}` already");
                let problem = Diagnostic::new("profile::part-of", title);
                diagnostics.push(problem.help(format!("leave out `--profile {name}`")));
            }
        }
        let conflicts = self.files.iter().flat_map(|file| &file.conflicts);
        for conflict in conflicts.filter(|conflict| !conflict.profiles.is_empty()) {
            let known = |name: &str| self.files.iter().any(|file| file.name == name);
            let met = conflict.profiles.iter().all(|name| known(&name.value));
            let more = [&conflict.given, &conflict.absent];
            let alone = conflict.when.is_empty() && more.iter().all(|names| names.is_empty());
            if met && alone {
                sound = false;
                diagnostics.push(
                    Diagnostic::new("profile::conflict", conflict.because.clone())
                        .label(&conflict.span, "")
                        .help(conflict.help.clone()),
                );
            }
        }
        sound
    }
}

/// The ancestors of each profile.
#[derive(Debug, Default)]
pub(super) struct Ancestors(BTreeMap<String, BTreeSet<String>>);

impl Ancestors {
    /// Adds a profile whose parents were added before.
    pub(super) fn add(&mut self, file: &ProfileFile) {
        let mut ancestors = BTreeSet::new();
        for parent in &file.extends {
            ancestors.extend(self.0.get(&parent.value).into_iter().flatten().cloned());
            ancestors.insert(parent.value.clone());
        }
        self.0.insert(file.name.clone(), ancestors);
    }

    /// Whether `child` extends `ancestor`, directly or through others.
    pub(super) fn extends(&self, child: &str, ancestor: &str) -> bool {
        let ancestors = self.0.get(child);
        ancestors.is_some_and(|ancestors| ancestors.contains(ancestor))
    }

    /// Whether the profiles differ and neither extends the other.
    pub(super) fn unrelated(&self, one: &str, other: &str) -> bool {
        one != other && !self.extends(one, other) && !self.extends(other, one)
    }
}
