//! One profile out of a profile and all that it extends.

use super::{Profile, Units};
use crate::define::profile::{Conflict, ListEdit};
use crate::define::{Definitions, ProfileFile, Setting};
use crate::diag::{Diagnostic, Diagnostics, Located};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// Room to work in until the root filesystem has grown over the card.
const DEFAULT_MARGIN: Bytes = Bytes::mib(256);

/// A profile with all that it extends merged in, and what its files say beside.
pub(super) struct Merged {
    pub(super) profile: Profile,
    pub(super) boards: Vec<Located<String>>,
    pub(super) recommends: bool,
    pub(super) root_margin: Bytes,
    pub(super) overlays: Vec<Located<String>>,
    pub(super) packages: Vec<Located<String>>,
    pub(super) units: Units,
    pub(super) conflicts: Vec<Conflict>,
}

/// Reads the profile `name` and all that it extends, and merges them.
pub(super) fn profile(
    diagnostics: &mut Diagnostics,
    definitions: &Definitions,
    name: &str,
) -> Option<Merged> {
    let mut lineage = Lineage::default();
    let file = definitions.profile(diagnostics, name)?;
    lineage.add(diagnostics, definitions, file);
    if lineage.broken {
        return None;
    }
    merge(diagnostics, lineage.files)
}

/// A profile and its ancestors: each once, an ancestor before whoever extends it.
#[derive(Default)]
struct Lineage {
    files: Vec<ProfileFile>,
    open: Vec<String>,
    broken: bool,
}

impl Lineage {
    fn add(&mut self, diagnostics: &mut Diagnostics, all: &Definitions, file: ProfileFile) {
        self.open.push(file.name.clone());
        for parent in &file.extends {
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
        self.files.push(file);
    }
}

fn merge(diagnostics: &mut Diagnostics, files: Vec<ProfileFile>) -> Option<Merged> {
    let last = files.last()?;
    let mut merged = Merged {
        profile: Profile {
            name: last.name.clone(),
            title: last.title.clone(),
            help: last.help.clone(),
            lineage: files.iter().map(|file| file.name.clone()).collect(),
            health: None,
            settings: BTreeMap::new(),
        },
        boards: Vec::new(),
        recommends: false,
        root_margin: DEFAULT_MARGIN,
        overlays: Vec::new(),
        packages: Vec::new(),
        units: Units::default(),
        conflicts: Vec::new(),
    };
    let mut units = UnitLists::default();
    for file in files {
        edit(diagnostics, &mut merged.overlays, &file.overlays);
        edit(diagnostics, &mut merged.packages, &file.install);
        units.edit(diagnostics, &file);
        settings(diagnostics, &mut merged.profile.settings, &file);
        if !file.boards.is_empty() {
            merged.boards = file.boards;
        }
        merged.recommends = file.recommends.unwrap_or(merged.recommends);
        merged.root_margin = file.root_margin.unwrap_or(merged.root_margin);
        merged.profile.health = file.health.or(merged.profile.health);
        merged.conflicts.extend(file.conflicts);
    }
    merged.units = units.finish();
    Some(merged)
}

/// Applies one profile's words about a list. What is there already stays where it is.
fn edit(diagnostics: &mut Diagnostics, list: &mut Vec<Located<String>>, edit: &ListEdit) {
    if let Some(whole) = &edit.replace {
        list.clone_from(whole);
    }
    for gone in &edit.remove {
        let before = list.len();
        list.retain(|kept| kept.value != gone.value);
        if list.len() == before {
            let title = format!("`{}` is not in the list", gone.value);
            let known = list.iter().map(|kept| kept.value.as_str());
            diagnostics.push(
                Diagnostic::new("profile::nothing-to-remove", title)
                    .label(&gone.span, "")
                    .suggest(&gone.value, known),
            );
        }
    }
    for added in &edit.append {
        if !list.iter().any(|known| known.value == added.value) {
            list.push(added.clone());
        }
    }
}

#[derive(Default)]
struct UnitLists {
    enable: Vec<Located<String>>,
    disable: Vec<Located<String>>,
    mask: Vec<Located<String>>,
}

impl UnitLists {
    /// What a profile says about a unit replaces what those that it extends said.
    fn edit(&mut self, diagnostics: &mut Diagnostics, file: &ProfileFile) {
        let edits = [&file.units.enable, &file.units.disable, &file.units.mask];
        let lists = [&mut self.enable, &mut self.disable, &mut self.mask];
        let named: Vec<&str> = (edits.iter().flat_map(|edit| &edit.append))
            .map(|unit| unit.value.as_str())
            .collect();
        for (list, change) in lists.into_iter().zip(edits) {
            edit(diagnostics, list, change);
            let stays = |unit: &Located<String>| {
                let added = change.append.iter().any(|new| new.value == unit.value);
                added || !named.contains(&unit.value.as_str())
            };
            list.retain(stays);
        }
    }

    fn finish(self) -> Units {
        let plain = |list: Vec<Located<String>>| list.into_iter().map(|unit| unit.value).collect();
        Units {
            enable: plain(self.enable),
            disable: plain(self.disable),
            mask: plain(self.mask),
        }
    }
}

fn settings(
    diagnostics: &mut Diagnostics,
    known: &mut BTreeMap<String, Setting>,
    file: &ProfileFile,
) {
    for edit in &file.settings {
        let name = &edit.name;
        let merged = match (known.get(&name.value), &edit.kind) {
            (None, Some(_)) => edit.define(),
            (Some(inherited), None) => edit.change(inherited.clone()),
            (Some(inherited), Some(kind)) => {
                let title = format!("`{}` has a type already", name.value);
                diagnostics.push(
                    Diagnostic::new("profile::type-twice", title)
                        .label(&kind.span, "")
                        .label(&inherited.span, "it is defined here")
                        .help("remove `type` to change the inherited setting"),
                );
                continue;
            }
            (None, None) => {
                let title = format!("`{}` is not inherited and has no type", name.value);
                diagnostics.push(
                    Diagnostic::new("profile::no-type", title)
                        .label(&name.span, "expected `type = …`")
                        .suggest(&name.value, known.keys().map(String::as_str)),
                );
                continue;
            }
        };
        known.insert(name.value.clone(), merged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(files: &[(&str, &str)]) -> Merged {
        let mut diagnostics = Diagnostics::default();
        let files = files.iter().map(|(name, text)| {
            let text = format!("schema = 1\ntitle = \"{name}\"\n{text}");
            ProfileFile::parse(&mut diagnostics, name, name, &text)
        });
        let files = files.collect::<Option<Vec<_>>>();
        let merged = files.and_then(|files| merge(&mut diagnostics, files));
        merged
            .filter(|_| diagnostics.is_empty())
            .unwrap_or_else(|| panic!("{diagnostics}"))
    }

    fn plain(list: &[Located<String>]) -> Vec<&str> {
        list.iter().map(|item| item.value.as_str()).collect()
    }

    #[test]
    fn lists_are_changed_in_words() {
        let merged = merged(&[
            (
                "a",
                "overlays = [\"1\", \"2\"]\n[packages]\ninstall = [\"x\", \"y\"]",
            ),
            (
                "b",
                "overlays = [\"3\", \"1\"]\n[packages.install]\nremove = [\"x\"]\nappend = [\"z\"]",
            ),
            ("c", "overlays = { replace = [\"4\"], append = [\"5\"] }"),
        ]);
        assert_eq!(plain(&merged.overlays), ["4", "5"]);
        assert_eq!(plain(&merged.packages), ["y", "z"]);
    }

    #[test]
    fn the_last_word_about_a_unit_counts() {
        let merged = merged(&[
            (
                "a",
                "[units]\nenable = [\"x.service\", \"y.service\"]\nmask = [\"z.service\"]",
            ),
            (
                "b",
                "[units]\nmask = [\"x.service\"]\nenable = [\"z.service\"]",
            ),
        ]);
        let text = |units: &[&str]| units.iter().map(|&unit| unit.to_owned()).collect();
        let expected = Units {
            enable: text(&["y.service", "z.service"]),
            disable: text(&[]),
            mask: text(&["x.service"]),
        };
        assert_eq!(merged.units, expected);
    }

    #[test]
    fn a_setting_without_type_changes_the_inherited_one() {
        let merged = merged(&[
            (
                "a",
                "[settings.n]\ntype = \"integer\"\nhelp = \"h\"\nmax = 5\ndefault = 1",
            ),
            ("b", "[settings.n]\ndefault = 2"),
        ]);
        let setting = &merged.profile.settings["n"];
        let default = setting.default.as_ref().map(|default| &default.value);
        assert_eq!(default, Some(&crate::define::Raw::Integer(2)));
        assert_eq!((setting.max, setting.help.as_str()), (Some(5), "h"));
    }
}
