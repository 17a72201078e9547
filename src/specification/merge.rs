//! Merges the profiles of an image, and all profiles that they extend, into one.

use super::lineage::{Ancestors, Lineage};
use super::{Profile, Units};
use crate::define::kind::Kinds;
use crate::define::profile::{Conflict, ListEdit};
use crate::define::{Definitions, Overlay, ProfileFile, Setting, setting};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use crate::units::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The default free space, in which the device works until the root filesystem has grown over the card.
const DEFAULT_MARGIN: Bytes = Bytes::mib(256);

/// A merged profile, with the lists and places that the checks need.
pub(super) struct Merged {
    pub(super) profile: Profile,
    pub(super) boards: Vec<Located<String>>,
    pub(super) recommends: bool,
    pub(super) root_margin: Bytes,
    pub(super) overlays: Vec<Located<String>>,
    pub(super) packages: Vec<Located<String>>,
    pub(super) units: Units,
    pub(super) conflicts: Vec<Conflict>,
    /// The place of the title of the last profile that was asked for.
    pub(super) place: Span,
    ancestors: Ancestors,
    /// The profile that brought each overlay.
    providers: BTreeMap<String, String>,
}

/// Reads the profiles in `name`, which are joined by `+`, and all that they extend, and merges them.
pub(super) fn profile(
    diagnostics: &mut Diagnostics,
    definitions: &Definitions,
    name: &str,
) -> Option<Merged> {
    let mut lineage = Lineage::default();
    let mut asked = Vec::new();
    for name in name.split('+') {
        let file = definitions.profile(diagnostics, name)?;
        lineage.add(diagnostics, definitions, file);
        asked.push(name);
    }
    if lineage.broken || !lineage.check(diagnostics, &asked) {
        return None;
    }
    merge(diagnostics, lineage, &asked)
}

fn merge(diagnostics: &mut Diagnostics, lineage: Lineage, asked: &[&str]) -> Option<Merged> {
    let (files, ancestors) = (lineage.files, lineage.ancestors);
    let asked = |file: &&ProfileFile| asked.contains(&file.name.as_str());
    let of_asked = |text: fn(&ProfileFile) -> &str, between: &str| {
        let texts: Vec<&str> = files.iter().filter(asked).map(text).collect();
        texts.join(between)
    };
    let place = files.iter().rfind(asked)?.title.span.clone();
    let mut merged = Merged {
        profile: Profile {
            name: of_asked(|file| &file.name, "+"),
            title: of_asked(|file| &file.title.value, "; "),
            help: of_asked(|file| file.help.trim_end(), "\n\n"),
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
        place,
        ancestors: Ancestors::default(),
        providers: BTreeMap::new(),
    };
    let mut units = UnitLists::default();
    let mut known = Kinds::default();
    for file in files {
        kinds(diagnostics, &mut known, &file);
        edit(diagnostics, &mut merged.overlays, &file.overlays);
        edit(diagnostics, &mut merged.packages, &file.install);
        units.edit(diagnostics, &file, &ancestors);
        settings(diagnostics, &known, &mut merged.profile.settings, &file);
        for overlay in &file.overlays.append {
            let provider = merged.providers.entry(overlay.value.clone());
            provider.or_insert_with(|| file.name.clone());
        }
        if !file.boards.is_empty() {
            merged.boards = file.boards;
        }
        merged.recommends = file.recommends.unwrap_or(merged.recommends);
        merged.root_margin = file.root_margin.unwrap_or(merged.root_margin);
        merged.profile.health = file.health.or(merged.profile.health);
        merged.conflicts.extend(file.conflicts);
    }
    for mistake in setting::mistakes(&merged.profile.settings) {
        diagnostics.push(mistake);
    }
    merged.units = units.finish();
    merged.ancestors = ancestors;
    Some(merged)
}

impl Merged {
    /// Checks that no two overlays of unrelated profiles have the same file.
    pub(super) fn check_files(&self, diagnostics: &mut Diagnostics, overlays: &[Overlay]) {
        let mut brought: BTreeMap<String, &str> = BTreeMap::new();
        for overlay in overlays {
            let provider = self.providers.get(&overlay.name).map_or("", String::as_str);
            for file in &overlay.files {
                let path = file.path.to_string();
                let Some(&other) = brought.get(&path) else {
                    brought.insert(path, provider);
                    continue;
                };
                if !self.ancestors.unrelated(other, provider) {
                    brought.insert(path, provider);
                    continue;
                }
                let title = format!("`{other}` and `{provider}` both bring `{path}`");
                let problem = Diagnostic::new("profile::same-file", title);
                diagnostics.push(problem.help("build an image of each"));
            }
        }
    }
}

/// Applies the change of a list by one profile. An entry that is appended again keeps its position.
fn edit(diagnostics: &mut Diagnostics, list: &mut Vec<Located<String>>, edit: &ListEdit) {
    if let Some(whole) = &edit.replace {
        list.clone_from(whole);
    }
    // Lists may be long, so the entries are looked up in a set and not in the list.
    let mut known: BTreeSet<String> = list.iter().map(|kept| kept.value.clone()).collect();
    for gone in &edit.remove {
        if !known.remove(&gone.value) {
            diagnostics.note(|| {
                let title = format!("`{}` is not in the list", gone.value);
                Diagnostic::new("profile::nothing-to-remove", title)
                    .label(&gone.span, "")
                    .suggest(&gone.value, list.iter().map(|kept| kept.value.as_str()))
            });
        }
    }
    list.retain(|kept| known.contains(&kept.value));
    for added in &edit.append {
        if known.insert(added.value.clone()) {
            list.push(added.clone());
        }
    }
}

#[derive(Default)]
struct UnitLists {
    enable: Vec<Located<String>>,
    disable: Vec<Located<String>>,
    mask: Vec<Located<String>>,
    /// The list that each unit was last added to, by its number, and the profile that added it.
    added: BTreeMap<String, (usize, String)>,
}

impl UnitLists {
    /// Applies the changes of a profile. They replace what the profiles that it extends say about a unit, and must not
    /// contradict an unrelated profile.
    fn edit(&mut self, diagnostics: &mut Diagnostics, file: &ProfileFile, ancestors: &Ancestors) {
        let edits = [&file.units.enable, &file.units.disable, &file.units.mask];
        for (list, edit) in edits.iter().enumerate() {
            for unit in &edit.append {
                let now = (list, file.name.clone());
                let before = self.added.insert(unit.value.clone(), now);
                if let Some((other, who)) = before
                    && other != list
                    && ancestors.unrelated(&who, &file.name)
                {
                    let title = format!(
                        "`{who}` and `{}` want different things of `{}`",
                        file.name, unit.value
                    );
                    let problem = Diagnostic::new("profile::unit-conflict", title);
                    diagnostics.push(problem.label(&unit.span, "").help("build an image of each"));
                }
            }
        }
        let lists = [&mut self.enable, &mut self.disable, &mut self.mask];
        let named = edits.iter().flat_map(|edit| &edit.append);
        let named: BTreeSet<&str> = named.map(|unit| &*unit.value).collect();
        for (list, change) in lists.into_iter().zip(edits) {
            edit(diagnostics, list, change);
            let added: BTreeSet<&str> = change.append.iter().map(|unit| &*unit.value).collect();
            let stays = |unit: &Located<String>| {
                let added = added.contains(unit.value.as_str());
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

fn kinds(diagnostics: &mut Diagnostics, known: &mut Kinds, file: &ProfileFile) {
    for (name, kind) in &file.kinds {
        if let Some(other) = known.add(name, kind.clone()) {
            let title = format!("two profiles define the kind `{}`", name.value);
            let problem = Diagnostic::new("define::bad-value", title).label(&name.span, "");
            diagnostics.push(problem.label(&other.span, "the other one"));
        }
    }
    let unknown = file
        .settings
        .iter()
        .flat_map(|edit| edit.unknown_kinds(known));
    for kind in unknown {
        let names: Vec<String> = known.names().map(|name| format!("`{name}`")).collect();
        let title = format!("`{}` is no value of `type`", kind.value);
        let expected = format!("expected one of {}", names.join(", "));
        diagnostics.push(Diagnostic::new("define::bad-value", title).label(&kind.span, expected));
    }
}

fn settings(
    diagnostics: &mut Diagnostics,
    kinds: &Kinds,
    known: &mut BTreeMap<String, Setting>,
    file: &ProfileFile,
) {
    for edit in &file.settings {
        let name = &edit.name;
        let merged = match (known.get(&name.value), &edit.kind) {
            (None, Some(_)) => edit.define(kinds),
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
        let mut lineage = Lineage::default();
        for file in files.collect::<Option<Vec<_>>>().into_iter().flatten() {
            lineage.ancestors.add(&file);
            lineage.files.push(file);
        }
        let last = lineage.files.last().map(|file| file.name.clone());
        let merged = last.and_then(|last| merge(&mut diagnostics, lineage, &[&last]));
        merged
            .filter(|_| diagnostics.is_empty())
            .unwrap_or_else(|| panic!("{diagnostics}"))
    }

    fn plain(list: &[Located<String>]) -> Vec<&str> {
        list.iter().map(|item| item.value.as_str()).collect()
    }

    #[test]
    fn lists_are_replaced_and_changed() {
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
    fn a_kind_is_known_to_those_that_extend_its_profile() {
        let color = "[kinds.color]\nexpected = \"a color\"\npattern = ['#[0-9a-f]{6}']";
        let setting = "extends = [\"a\"]\n[settings.x]\ntype = \"color\"";
        let merged = merged(&[("a", color), ("b", setting)]);
        assert_eq!(merged.profile.settings["x"].kind.expected(), "a color");
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
                "extends = [\"a\"]\n[units]\nmask = [\"x.service\"]\nenable = [\"z.service\"]",
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
