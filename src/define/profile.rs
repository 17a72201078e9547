//! `profiles/<name>/profile.toml`: what an image contains and how it is configured. `profiles/README.md` explains each key.

use super::kind::{self, KIND, Kind};
use super::read::{self, Keys, Raw, Section};
use super::setting::{self, SETTING, SettingEdit};
use crate::diag::{Diagnostic, Diagnostics, Located, Span};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// A profile as it is written in one file, before the profiles that it extends are merged in.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileFile {
    /// The name of its folder.
    pub name: String,
    /// A title in a few words.
    pub title: Located<String>,
    /// A description in a few lines.
    pub help: String,
    /// The profiles that it extends, in the order in which they are merged.
    pub extends: Vec<Located<String>>,
    /// The boards that it works on; empty for all boards.
    pub boards: Vec<Located<String>>,
    /// Whether recommended packages are installed.
    pub recommends: Option<bool>,
    /// The free space of the root filesystem in the image.
    pub root_margin: Option<Bytes>,
    /// The program that checks whether the device does its job.
    pub health: Option<String>,
    /// The change of the list of overlays.
    pub overlays: ListEdit,
    /// The change of the list of packages.
    pub install: ListEdit,
    /// The changes of the lists of units.
    pub units: UnitEdits,
    /// The kinds of settings that it defines.
    pub kinds: Vec<(Located<String>, Kind)>,
    /// The settings that it defines or changes.
    pub settings: Vec<SettingEdit>,
    /// The conflicts between values that it declares.
    pub conflicts: Vec<Conflict>,
}

/// A change of an inherited list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListEdit {
    /// The list that replaces the inherited one.
    pub replace: Option<Vec<Located<String>>>,
    /// The entries that are added at the end.
    pub append: Vec<Located<String>>,
    /// The entries that are removed.
    pub remove: Vec<Located<String>>,
}

/// Changes of the systemd units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitEdits {
    /// The units that are started at boot.
    pub enable: ListEdit,
    /// The units that are not started at boot.
    pub disable: ListEdit,
    /// The units that cannot be started at all.
    pub mask: ListEdit,
}

/// A setting and some of its values.
pub type Values = (Located<String>, Vec<Located<Raw>>);

/// A conflict between values of settings, or between profiles. An image has the conflict if all its conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The settings that must have one of these values.
    pub when: Vec<Values>,
    /// The settings that must be given, which means neither false nor empty. `list.field` is the field of any item.
    pub given: Vec<Located<String>>,
    /// The settings that must not be given.
    pub absent: Vec<Located<String>>,
    /// The profiles that must be part of the image.
    pub profiles: Vec<Located<String>>,
    /// The reason why this is a conflict.
    pub because: String,
    /// Advice what to do.
    pub help: String,
    /// The place of the conflict.
    pub span: Span,
}

static TOP: Keys = Keys::of(
    "",
    "schema title help extends boards recommends root-margin health overlays packages units \
     kinds settings conflict",
);
static LIST: Keys = Keys::of("list", "append remove replace");
static PACKAGES: Keys = Keys::of("[packages]", "install");
static UNITS: Keys = Keys::of("[units]", "enable disable mask");
static CONFLICT: Keys = Keys::of("[[conflict]]", "when given absent profiles because help");

/// Every table of the format.
pub static TABLES: [&Keys; 7] = [&TOP, &LIST, &PACKAGES, &UNITS, &KIND, &SETTING, &CONFLICT];

impl ProfileFile {
    /// Reads the text of `path`, the definition of profile `name`.
    pub fn parse(
        diagnostics: &mut Diagnostics,
        name: &str,
        path: &str,
        text: &str,
    ) -> Option<Self> {
        read::definition(diagnostics, path, text, &TOP, |top| profile(name, top))
    }
}

fn profile(name: &str, top: &Section<'_>) -> Option<ProfileFile> {
    let title = top.need("title", top.text("title"));
    let packages = top.section("packages", &PACKAGES);
    let units = top.section("units", &UNITS);
    let kinds = kind::read_all(top);
    let settings = top.named_sections("settings", &SETTING);
    let conflicts = top.sections("conflict", &CONFLICT);
    let conflicts: Vec<_> = conflicts.iter().map(conflict).collect();
    let recommends = top.flag("recommends").map(|flag| flag.value);
    let root_margin = top.size("root-margin").map(|size| size.value);
    Some(ProfileFile {
        name: name.to_owned(),
        title: title?,
        help: top.text("help").map_or_else(String::new, |text| text.value),
        extends: top.texts("extends"),
        boards: top.texts("boards"),
        recommends,
        root_margin,
        health: top.text("health").map(|text| text.value),
        overlays: list(top, "overlays"),
        install: packages.map_or_else(ListEdit::default, |table| list(&table, "install")),
        units: units.map_or_else(UnitEdits::default, |table| unit_edits(&table)),
        kinds,
        settings: (settings.into_iter())
            .map(|(name, section)| setting::read(name, &section))
            .collect(),
        conflicts: conflicts.into_iter().collect::<Option<_>>()?,
    })
}

/// Reads the change of a list: an array is appended; a table names the changes.
fn list(section: &Section<'_>, key: &str) -> ListEdit {
    if !section.is_table(key) {
        return ListEdit {
            append: section.texts(key),
            ..ListEdit::default()
        };
    }
    let Some(edit) = section.section(key, &LIST) else {
        return ListEdit::default();
    };
    ListEdit {
        replace: edit.has("replace").then(|| edit.texts("replace")),
        append: edit.texts("append"),
        remove: edit.texts("remove"),
    }
}

fn unit_edits(section: &Section<'_>) -> UnitEdits {
    let edits = UnitEdits {
        enable: list(section, "enable"),
        disable: list(section, "disable"),
        mask: list(section, "mask"),
    };
    let lists = [&edits.enable, &edits.disable, &edits.mask];
    let names = lists.into_iter().flat_map(|list| &list.append);
    let mut seen: BTreeMap<&str, &Located<String>> = BTreeMap::new();
    for unit in names {
        let name = &unit.value;
        if let Some(first) = seen.get(name.as_str()) {
            let title = format!("`{name}` stands in two lists");
            section.report(
                Diagnostic::new("profile::unit-twice", title)
                    .label(&unit.span, "")
                    .label(&first.span, "the first one"),
            );
        }
        if !name.contains('.') {
            let title = format!("`{name}` is no unit name");
            let expected = format!("expected a suffix, such as `{name}.service`");
            section
                .report(Diagnostic::new("profile::unit-name", title).label(&unit.span, expected));
        }
        seen.entry(name).or_insert(unit);
    }
    edits
}

fn conflict(section: &Section<'_>) -> Option<Conflict> {
    let because = section.need("because", section.text("because"));
    let help = section.need("help", section.text("help"));
    let when = match section.raw("when") {
        Some(when) => values(section, when)?,
        None => Vec::new(),
    };
    let (given, profiles) = (section.texts("given"), section.texts("profiles"));
    if when.is_empty() && given.is_empty() && profiles.is_empty() {
        section.report(
            Diagnostic::new("profile::no-conflict", "a conflict of nothing")
                .label(section.span(), "expected `when`, `given` or `profiles`"),
        );
        return None;
    }
    Some(Conflict {
        when,
        given,
        absent: section.texts("absent"),
        profiles,
        because: because?.value,
        help: help?.value,
        span: section.span().clone(),
    })
}

/// Reads `{ setting = value }` or `{ setting = [value, …] }`.
fn values(section: &Section<'_>, when: Located<Raw>) -> Option<Vec<Values>> {
    let Raw::Table(settings) = when.value else {
        section.report(
            Diagnostic::new("define::wrong-type", "expected a table")
                .label(&when.span, "expected `{ setting = value }`"),
        );
        return None;
    };
    let settings = settings.into_iter().map(|(name, raw)| {
        let name = raw.with(name);
        let values = match raw.value {
            Raw::List(values) => values,
            value => vec![name.with(value)],
        };
        (name, values)
    });
    Some(settings.collect())
}
