//! `[kinds.NAME]`: the rules of one kind, as `kinds.toml` or a profile writes them.

use super::address::{HostBits, Route};
use super::advice::{Advice, Problem};
use super::check::Check;
use super::pattern::Pattern;
use super::{Kind, Value};
use crate::define::read::{Keys, Raw, Section};
use crate::diag::Diagnostic;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The form of the values of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A text.
    #[default]
    Text,
    /// One of the words that the setting lists.
    Enum,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Several values; the setting names their kind.
    List,
    /// Named values; the setting names them and their kinds.
    Table,
    /// Named values; the kind itself names them and their kinds.
    Record,
}

/// The rules of a kind. `profiles/README.md` explains each key.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) expected: String,
    pub(super) bytes: Option<[i64; 2]>,
    pub(super) range: Option<[i64; 2]>,
    pub(super) words: Option<String>,
    pub(super) pattern: Vec<Pattern>,
    pub(super) not: Vec<Pattern>,
    pub(super) parts: BTreeMap<String, Kind>,
    pub(super) defaults: BTreeMap<String, Value>,
    pub(super) short: Option<String>,
    pub(super) networks: Vec<Route>,
    pub(super) host_bits: Option<HostBits>,
    pub(super) units: BTreeMap<String, NonZeroU64>,
    pub(super) measure: Option<String>,
    pub(super) ascending: bool,
    pub(super) squeeze: bool,
    pub(super) check: Option<Check>,
    pub(super) advice: Option<Advice>,
    pub(super) problems: Vec<Problem>,
    /// The keys as they are written, for the device.
    pub(super) written: Map<String, Json>,
}

/// The keys of a kind.
pub(crate) static KIND: Keys = Keys::of(
    "[kinds.NAME]",
    "form expected bytes range words pattern not parts defaults short networks host-bits \
     units measure ascending squeeze check advice problems",
);

/// The names of the parts of a kind, and for each the name of its kind.
pub(super) fn part_kinds(section: &Section<'_>) -> BTreeMap<String, String> {
    value(section, "parts")
}

impl Rules {
    /// Reads the rules of the kind `name`. `parts` are the kinds of its parts.
    pub(super) fn read(name: &str, section: &Section<'_>, parts: BTreeMap<String, Kind>) -> Self {
        // The device does not give these explanations.
        let carried = |key: &&str| !["advice", "problems"].contains(key);
        let written = |key: &str| Some((key.to_owned(), json(section.raw(key)?.value)));
        let written = KIND.iter().filter(carried).filter_map(written);
        Self {
            name: name.to_owned(),
            form: value(section, "form"),
            expected: section
                .need("expected", value(section, "expected"))
                .unwrap_or_default(),
            bytes: value(section, "bytes"),
            range: value(section, "range"),
            words: value(section, "words"),
            pattern: value(section, "pattern"),
            not: value(section, "not"),
            parts,
            defaults: value(section, "defaults"),
            short: value(section, "short"),
            networks: value(section, "networks"),
            host_bits: value(section, "host-bits"),
            units: value(section, "units"),
            measure: value(section, "measure"),
            ascending: value(section, "ascending"),
            squeeze: value(section, "squeeze"),
            check: value(section, "check"),
            advice: value(section, "advice"),
            problems: value(section, "problems"),
            written: written.collect(),
        }
    }
}

/// The value of `key`, or the default if it is missing. A value of the wrong form is reported, and one without content, which
/// the device would take for a rule that nothing follows.
fn value<T: DeserializeOwned + Default>(section: &Section<'_>, key: &str) -> T {
    let Some(raw) = section.raw(key) else {
        return T::default();
    };
    let written = json(raw.value);
    if [json!(""), json!([]), json!({})].contains(&written) {
        let problem = Diagnostic::new("define::bad-value", format!("`{key}` is empty"));
        section.report(problem.label(&raw.span, "expected a value"));
    }
    serde_json::from_value(written).unwrap_or_else(|error| {
        let title = format!("`{key}` is not sound: {error}");
        section.report(Diagnostic::new("define::bad-value", title).label(&raw.span, ""));
        T::default()
    })
}

fn json(raw: Raw) -> Json {
    match raw {
        Raw::Text(text) => text.into(),
        Raw::Integer(number) => number.into(),
        Raw::Boolean(flag) => flag.into(),
        Raw::List(items) => items.into_iter().map(|item| json(item.value)).collect(),
        Raw::Table(fields) => {
            let fields = fields.into_iter();
            Json::Object(
                fields
                    .map(|(name, field)| (name, json(field.value)))
                    .collect(),
            )
        }
    }
}
