//! The kinds of settings: what a value of each kind looks like, and how text becomes one.
//!
//! A kind is data: patterns, limits, and a text for messages that says what is expected. Kinds that every profile may use
//! are in `kinds.toml`; the kinds of one service are in the profile of that service. The device reads the same data from its
//! settings file, and `Imgbuild::Kind` evaluates it as this module does. What data cannot express is a check with a name
//! (`check.rs`).

mod address;
mod advice;
mod check;
mod network;
mod open;
mod pattern;
mod pem;
mod rules;
mod sound;
pub(crate) mod ssh_key;
mod value;

pub(crate) use address::prefixed;
pub use network::Network;
pub use rules::Form;
pub(crate) use rules::KIND;
pub use value::Value;

use super::read::{self, Keys, Raw, Section};
use crate::diag::{Diagnostic, Diagnostics, Located};
use regex_lite::Captures;
use rules::Rules;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The kind of a value: the rules that the value has to follow.
#[derive(Clone, Debug)]
pub struct Kind(Arc<Rules>);

impl Default for Kind {
    /// The kind of any line of text.
    fn default() -> Self {
        Self::named("string").expect("`kinds.toml` has a kind `string`")
    }
}

impl PartialEq for Kind {
    /// Compares the names: in one build, a name belongs to one kind.
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

static TOP: Keys = Keys::of("", "schema kinds");

/// The kinds that every profile may use.
static COMMON: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    let mut diagnostics = Diagnostics::default();
    let text = include_str!("kinds.toml");
    let kinds = read::definition(&mut diagnostics, "kinds.toml", text, &TOP, |top| {
        Some(read_kinds(top, &BTreeMap::new()))
    });
    let kinds =
        kinds.unwrap_or_else(|| panic!("the kinds of imgbuild itself are sound: {diagnostics}"));
    let kinds = kinds.into_iter();
    kinds.map(|(name, kind)| (name.value, kind)).collect()
});

/// Reads the kinds that a profile defines.
pub(super) fn read_all(top: &Section<'_>) -> Vec<(Located<String>, Kind)> {
    read_kinds(top, &COMMON)
}

/// Reads `[kinds.NAME]`. A part of a kind has a kind of the same file or a common one. So the kinds are read in the order
/// in which the kinds of their parts become known.
fn read_kinds(top: &Section<'_>, common: &BTreeMap<String, Kind>) -> Vec<(Located<String>, Kind)> {
    let mistakes = top.mistakes();
    let mut found: Vec<(Located<String>, Kind, Section<'_>)> = Vec::new();
    let open = top.named_sections("kinds", &KIND).into_iter();
    let mut open: Vec<_> = open
        .map(|(name, section)| (name, rules::part_kinds(&section), section))
        .collect();
    loop {
        let known = |name: &String| {
            let own = found.iter().find(|(known, ..)| known.value == *name);
            own.map(|(_, kind, _)| kind).or(common.get(name)).cloned()
        };
        let ready = open.iter().enumerate().find_map(|(at, (_, parts, _))| {
            let kinds = parts.iter();
            let kinds = kinds.map(|(part, kind)| Some((part.clone(), known(kind)?)));
            Some((at, kinds.collect::<Option<BTreeMap<_, _>>>()?))
        });
        let Some((at, parts)) = ready else {
            break;
        };
        let (name, _, section) = open.remove(at);
        if common.contains_key(&name.value) {
            let title = format!("every profile has a kind `{}` already", name.value);
            top.report(Diagnostic::new("define::bad-value", title).label(&name.span, ""));
        }
        let rules = Rules::read(&name.value, &section, parts);
        found.push((name, Kind(Arc::new(rules)), section));
    }
    let own = found.iter().map(|(name, ..)| &name.value);
    let known: Vec<&str> = common.keys().chain(own).map(String::as_str).collect();
    open::report(&open, &known);
    // A rule that could not be read would seem to be missing.
    if top.mistakes() == mistakes {
        for (_, kind, section) in &found {
            sound::check(&kind.0, section);
        }
    }
    let kinds = found.into_iter();
    kinds.map(|(name, kind, _)| (name, kind)).collect()
}

/// The kinds by name: the common ones, and those that profiles define.
#[derive(Clone, Debug, Default)]
pub struct Kinds(BTreeMap<String, Located<Kind>>);

impl Kinds {
    /// Adds the kind of a profile; returns the kind that had this name before.
    pub fn add(&mut self, name: &Located<String>, kind: Kind) -> Option<Located<Kind>> {
        self.0.insert(name.value.clone(), name.with(kind))
    }

    /// The kind `name`.
    pub fn find(&self, name: &str) -> Option<Kind> {
        let own = self.0.get(name).map(|kind| kind.value.clone());
        own.or_else(|| Kind::named(name))
    }

    /// The names of all kinds.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let common = COMMON.keys().map(String::as_str);
        common.chain(self.0.keys().map(String::as_str))
    }
}

impl Kind {
    /// The common kind `name`, which every profile may use.
    pub fn named(name: &str) -> Option<Self> {
        COMMON.get(name).cloned()
    }

    /// Every common kind.
    pub fn common() -> impl Iterator<Item = &'static Self> {
        COMMON.values()
    }

    /// The name of the kind in a profile.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether `name` is the name of the kind.
    pub fn is(&self, name: &str) -> bool {
        self.0.name == name
    }

    /// The form of the values.
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// A description of a value, for messages.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// Whether reading can change the text of a value.
    pub fn rewrites(&self) -> bool {
        self.0.check.is_some() || self.0.squeeze
    }

    /// Reads a value of any form but a list or a table, whose parts the setting defines. Returns `None` if the value is not
    /// of this kind.
    pub fn read(&self, raw: &Raw) -> Option<Value> {
        match (self.form(), raw) {
            (Form::Text, Raw::Text(text)) => self.text(text).map(Value::Text),
            (Form::Enum, Raw::Text(text)) => Some(Value::Text(text.clone())),
            (Form::Boolean, Raw::Boolean(flag)) => Some(Value::Boolean(*flag)),
            (Form::Boolean, Raw::Text(text)) => text.parse().ok().map(Value::Boolean),
            (Form::Integer, Raw::Integer(number)) => self.number(*number),
            (Form::Integer, Raw::Text(text)) => self.number(text.parse().ok()?),
            (Form::Record, Raw::Text(text)) => {
                let parts = self.parts(text)?;
                self.record(|part| Some(Raw::Text(parts.name(part)?.as_str().to_owned())))
            }
            (Form::Record, Raw::Table(fields)) => {
                let known = |(name, field): (&String, &Located<Raw>)| {
                    let kind = self.part(name);
                    kind.is_some_and(|kind| kind.is_typed(&field.value))
                };
                let sound = fields.iter().all(known);
                let field = |part: &str| Some(fields.get(part)?.value.clone());
                sound.then(|| self.record(field)).flatten()
            }
            _ => None,
        }
    }

    /// A record in which each part has the value that was written, or its default.
    fn record(&self, written: impl Fn(&str) -> Option<Raw>) -> Option<Value> {
        let fields = self.0.parts.iter().map(|(part, kind)| {
            let value = match written(part) {
                Some(raw) => kind.read(&raw)?,
                None => self.default(part)?.clone(),
            };
            Some((part.clone(), value))
        });
        fields.collect::<Option<_>>().map(Value::Table)
    }

    /// Whether a value has the TOML type of this kind.
    fn is_typed(&self, raw: &Raw) -> bool {
        match self.form() {
            Form::Integer => matches!(raw, Raw::Integer(_)),
            Form::Boolean => matches!(raw, Raw::Boolean(_)),
            _ => matches!(raw, Raw::Text(_)),
        }
    }

    /// The kind of the part `name`.
    fn part(&self, name: &str) -> Option<&Self> {
        self.0.parts.get(name)
    }

    /// The value that `part` of a record has if it is not given.
    pub fn default(&self, part: &str) -> Option<&Value> {
        self.0.defaults.get(part)
    }

    /// Whether `part` of a record has to be given.
    pub fn needs(&self, part: &str) -> bool {
        self.part(part).is_some() && self.default(part).is_none()
    }

    /// A record in its short form. Returns `None` if the short form has no place for a part that differs from its default.
    pub fn short(&self, fields: &BTreeMap<String, Value>) -> Option<String> {
        let mut word = self.0.short.clone()?;
        for (part, value) in fields {
            let text = match value {
                // An IPv6 address is in brackets, as in a URL, because a colon would end the part.
                Value::Text(text) if text.contains(':') => format!("[{text}]"),
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                _ => String::new(),
            };
            let place = format!("{{{part}}}");
            match word.contains(&place) {
                true => word = word.replace(&place, &text),
                false if self.default(part) == Some(value) => {}
                false => return None,
            }
        }
        Some(word)
    }

    /// Whether `text`, which is of this kind, has the part `part`.
    pub fn has_part(&self, text: &str, part: &str) -> bool {
        self.parts(text)
            .is_some_and(|parts| parts.name(part).is_some())
    }

    /// Explains why `text` is not of this kind, if there is more to say than [`Kind::expected`].
    pub fn problem(&self, text: &str) -> Option<String> {
        let advice = || self.0.advice?.of(self, text);
        self.secret_problem(text).or_else(advice)
    }

    /// Explains the same without showing any part of `text`.
    pub fn secret_problem(&self, text: &str) -> Option<String> {
        let text = self.squeezed(text);
        let checked = self.0.check.and_then(|check| check.read(self, &text).err());
        let mut problems = self.0.problems.iter();
        checked.or_else(|| {
            problems
                .find_map(|problem| problem.of(&text, |parts| self.suit(parts)))
                .map(str::to_owned)
        })
    }

    /// The number that `min` and `max` of a setting limit, such as the length of `text`, and its unit.
    pub fn measure(&self, text: &str) -> Option<(i64, &str)> {
        let unit = self.0.measure.as_deref()?;
        let number = match self.0.units.is_empty() {
            true => u64::try_from(text.len()).ok()?,
            false => self.counted(&self.parts(text)?)?,
        };
        Some((i64::try_from(number).unwrap_or(i64::MAX), unit))
    }

    /// Whether `min` and `max` of a setting limit a text of this kind.
    pub fn is_measured(&self) -> bool {
        self.0.measure.is_some()
    }

    /// Adds this kind and the kinds of its parts to `kinds`, as the device reads them.
    pub fn carry(&self, kinds: &mut Map<String, Json>) {
        if !kinds.contains_key(self.name()) {
            kinds.insert(self.name().to_owned(), self.0.written.clone().into());
            self.0.parts.values().for_each(|kind| kind.carry(kinds));
        }
    }

    fn number(&self, number: i64) -> Option<Value> {
        let [low, high] = self.0.range.unwrap_or([i64::MIN, i64::MAX]);
        (low..=high)
            .contains(&number)
            .then_some(Value::Integer(number))
    }

    /// The text that programs of the device read for `text`.
    fn text(&self, text: &str) -> Option<String> {
        if let Some(check) = self.0.check {
            return check.read(self, text).ok();
        }
        let text = &*self.squeezed(text);
        let sound = !text.chars().any(char::is_control) && self.is_of_length(text);
        let words = self.0.words.as_ref();
        let known = words.is_none_or(|words| words.split_whitespace().any(|word| word == text));
        if !sound || !known || self.excludes(text) {
            return None;
        }
        if self.0.pattern.is_empty() {
            return Some(text.to_owned());
        }
        let value = self.parts(text)?.name("value").map(|value| value.as_str());
        Some(value.unwrap_or(text).to_owned())
    }

    fn squeezed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.0.squeeze {
            return text.into();
        }
        let words = text.split(' ').filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").into()
    }

    fn is_of_length(&self, text: &str) -> bool {
        let length = i64::try_from(text.len());
        let [low, high] = self.0.bytes.unwrap_or([0, i64::MAX]);
        length.is_ok_and(|length| (low..=high).contains(&length))
    }

    /// Whether `not` excludes `text`, even if a pattern matches it.
    fn excludes(&self, text: &str) -> bool {
        self.0.not.iter().any(|not| not.matches(text))
    }

    /// The named parts of `text`, by the first pattern that matches it.
    fn parts<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let mut matches = self
            .0
            .pattern
            .iter()
            .filter_map(|pattern| pattern.parts(text));
        matches.find(|parts| self.suit(parts))
    }

    fn suit(&self, parts: &Captures<'_>) -> bool {
        let rules = &*self.0;
        let part = |name: &str| parts.name(name).map(|part| part.as_str());
        let suits = |(name, kind): (&String, &Self)| {
            part(name).is_none_or(|text| kind.read(&Raw::Text(text.to_owned())).is_some())
        };
        let allowed =
            |address| rules.networks.is_empty() || address::allows(&rules.networks, address);
        let host_bits = || Some(rules.host_bits?.hold(part("address")?, part("prefix")?));
        // If both numbers have the same length, the order of the texts is that of the numbers.
        let ascending = || {
            let (first, last) = (part("first")?, part("last")?);
            Some(first.len() == last.len() && first <= last)
        };
        rules.parts.iter().all(suits)
            && part("address").is_none_or(allowed)
            && host_bits().is_none_or(|hold| hold)
            && part("number")
                .is_none_or(|_| rules.units.is_empty() || self.counted(parts).is_some())
            && (!rules.ascending || ascending().is_none_or(|ascending| ascending))
    }

    /// The number of `parts` times its unit, if that fits into 64 bits.
    fn counted(&self, parts: &Captures<'_>) -> Option<u64> {
        let number: u64 = parts.name("number")?.as_str().parse().ok()?;
        let unit = parts.name("unit")?.as_str();
        number.checked_mul(self.0.units.get(unit)?.get())
    }
}

#[cfg(test)]
mod tests;
