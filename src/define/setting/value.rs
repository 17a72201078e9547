//! Turns the text that was written for a setting into its value, or reports a mistake with its place.

use super::Setting;
use super::items::{items, part};
use crate::define::kind::{Form, Network, Value, ssh_key};
use crate::define::read::Raw;
use crate::diag::{Diagnostic, Located, Span, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// The largest number of values in one list. More are a mistake or an attack.
const MAX_ITEMS: usize = 1_000;

/// The code of the diagnostic about a field that is not known. Its value may be a secret, so it is masked.
pub(crate) const UNKNOWN_FIELD: &str = "setting::unknown-field";
/// The code of the diagnostic about a private key in the place of a public one. It is masked.
pub(crate) const PRIVATE_KEY: &str = "setting::private-key";

/// A function that collects mistakes.
pub type Report<'r> = &'r dyn Fn(Diagnostic);

impl Setting {
    /// Reads `raw` as a value of this setting. Returns `None` if a part of it is wrong, which is reported.
    pub fn read(&self, name: &str, raw: &Located<Raw>, report: Report<'_>) -> Option<Value> {
        match self.kind.form() {
            Form::List => self.read_list(name, raw, report),
            Form::Table => self.read_table(name, raw, report),
            _ => self.read_one(name, raw, report),
        }
    }

    fn read_one(&self, name: &str, raw: &Located<Raw>, report: Report<'_>) -> Option<Value> {
        let Some(value) = self.kind.read(&raw.value) else {
            let (code, why) = match &raw.value {
                Raw::Text(text) if ssh_key::is_private(text) => {
                    (PRIVATE_KEY, self.kind.problem(text))
                }
                Raw::Text(text) => ("setting::kind", self.kind.problem(text)),
                _ => ("setting::kind", None),
            };
            let title = match &raw.value {
                Raw::Text(text) if !self.secret && code != PRIVATE_KEY => {
                    format!("`{text}` cannot be `{name}`")
                }
                Raw::Integer(number) => format!("`{number}` cannot be `{name}`"),
                Raw::Text(_) => format!("this cannot be `{name}`"),
                other => format!("{} cannot be `{name}`", other.what()),
            };
            let expected = format!("expected {}", self.kind.expected());
            let problem = Diagnostic::new(code, title).label(&raw.span, expected);
            report((why.into_iter()).fold(problem, Diagnostic::help));
            return None;
        };
        match &value {
            Value::Integer(number) => {
                self.check_range(name, *number, &raw.span, report)?;
                self.check_values(name, &number.to_string(), &raw.span, report)?;
            }
            Value::Text(word) => {
                self.check_given(name, word, &raw.span, report)?;
                self.check_measure(name, word, &raw.span, report)?;
                self.check_values(name, word, &raw.span, report)?;
                self.check_outside(name, word, &raw.span, report)?;
            }
            Value::Boolean(_) | Value::List(_) | Value::Table(_) => {}
        }
        Some(value)
    }

    fn check_values(&self, name: &str, word: &str, span: &Span, report: Report<'_>) -> Option<()> {
        if self.values.is_empty() || self.values.iter().any(|known| known == word) {
            return Some(());
        }
        let title = format!("`{word}` is no value of `{name}`");
        let known = self.values.iter().map(String::as_str);
        report(
            Diagnostic::new("setting::value", title)
                .label(span, "")
                .suggest(word, known),
        );
        None
    }

    fn check_outside(&self, name: &str, cidr: &str, span: &Span, report: Report<'_>) -> Option<()> {
        let Ok(network) = cidr.parse::<Network>() else {
            return Some(());
        };
        if !self.outside.iter().any(|taken| taken.overlaps(network)) {
            return Some(());
        }
        let title = format!("`{cidr}` cannot be `{name}`");
        report(
            Diagnostic::new("setting::taken-network", title)
                .label(span, "the network is used for something else")
                .help("take another private network, such as `192.168.42.1/24`"),
        );
        None
    }

    fn check_range(&self, name: &str, number: i64, span: &Span, report: Report<'_>) -> Option<()> {
        if self.allows(number) {
            return Some(());
        }
        let title = format!("`{name}` cannot be {number}");
        report(Diagnostic::new("setting::range", title).label(span, self.bounds()));
        None
    }

    /// Refuses an empty text for a setting that has to be given.
    fn check_given(&self, name: &str, text: &str, span: &Span, report: Report<'_>) -> Option<()> {
        if !self.required || text.bytes().any(|byte| byte != b' ') {
            return Some(());
        }
        let title = format!("`{name}` has to be given, and this is nothing");
        let expected = format!("expected {}", self.kind.expected());
        report(Diagnostic::new("setting::missing", title).label(span, expected));
        None
    }

    /// Refuses a text whose length, or a duration that, is outside of the limits.
    fn check_measure(&self, name: &str, text: &str, span: &Span, report: Report<'_>) -> Option<()> {
        let Some((number, unit)) = self.kind.measure(text) else {
            return Some(());
        };
        if self.allows(number) {
            return Some(());
        }
        let title = format!("{number} {unit} cannot be `{name}`");
        let expected = format!("{} {unit}", self.bounds());
        report(Diagnostic::new("setting::range", title).label(span, expected));
        None
    }

    /// Whether `number` is within `min` and `max`.
    fn allows(&self, number: i64) -> bool {
        self.min.is_none_or(|min| min <= number) && self.max.is_none_or(|max| number <= max)
    }

    fn bounds(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => format!("expected {min}"),
            (Some(min), Some(max)) => format!("expected {min} to {max}"),
            (Some(min), None) => format!("expected {min} or more"),
            (None, Some(max)) => format!("expected {max} or less"),
            (None, None) => String::new(),
        }
    }

    fn read_list(&self, name: &str, raw: &Located<Raw>, report: Report<'_>) -> Option<Value> {
        if !matches!(raw.value, Raw::List(_) | Raw::Text(_)) {
            let title = format!("{} cannot be `{name}`", raw.value.what());
            report(Diagnostic::new("setting::kind", title).label(&raw.span, "expected a list"));
            return None;
        }
        let items = self.parts(raw.clone());
        if items.len() > MAX_ITEMS {
            let title = format!("`{name}` has {} values", items.len());
            let expected = format!("expected {MAX_ITEMS} at most");
            report(Diagnostic::new("setting::range", title).label(&raw.span, expected));
            return None;
        }
        let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if !self.allows(count) {
            let title = format!("`{name}` has {count} values");
            let bounds = self.bounds();
            report(Diagnostic::new("setting::range", title).label(&raw.span, bounds));
            return None;
        }
        let kind = self.items.as_ref()?;
        let read: Vec<Option<Value>> = (items.iter())
            .map(|item| kind.read(name, item, report))
            .collect();
        let values: Vec<Value> = read.into_iter().collect::<Option<_>>()?;
        self.check_unique(name, &items, &values, report)?;
        Some(Value::List(values))
    }

    fn check_unique(
        &self,
        name: &str,
        items: &[Located<Raw>],
        values: &[Value],
        report: Report<'_>,
    ) -> Option<()> {
        let Some(field) = &self.unique else {
            return Some(());
        };
        let mut seen = BTreeSet::new();
        for (item, value) in items.iter().zip(values) {
            let Value::Table(fields) = value else {
                continue;
            };
            let Some(Value::Text(text)) = fields.get(field) else {
                continue;
            };
            if !seen.insert(text) {
                let title = format!("two values of `{name}` have the {field} `{text}`");
                report(Diagnostic::new("setting::unique", title).label(&item.span, ""));
                return None;
            }
        }
        Some(())
    }

    fn read_table(&self, name: &str, raw: &Located<Raw>, report: Report<'_>) -> Option<Value> {
        let Raw::Table(given) = &raw.value else {
            let title = format!("{} cannot be `{name}`", raw.value.what());
            report(Diagnostic::new("setting::kind", title).label(&raw.span, "expected a table"));
            return None;
        };
        let mut sound = true;
        for (key, value) in given
            .iter()
            .filter(|(key, _)| !self.fields.contains_key(*key))
        {
            sound = false;
            let title = format!("`{name}` has no field `{key}`");
            report(
                Diagnostic::new(UNKNOWN_FIELD, title)
                    .label(&value.span, "")
                    .suggest(key, self.fields.keys().map(String::as_str)),
            );
        }
        let mut fields = BTreeMap::new();
        for (key, field) in &self.fields {
            let raw_field = given.get(key).or(field.default.as_ref());
            let unknown = given
                .keys()
                .filter(|given| !self.fields.contains_key(*given));
            let misspelt = nearest(key, unknown.map(String::as_str)).is_some();
            if raw_field.is_none() && field.required && !misspelt {
                sound = false;
                let title = format!("`{key}` is missing in `{name}`");
                let expected = format!("expected {}", field.kind.expected());
                report(Diagnostic::new("setting::field", title).label(&raw.span, expected));
            }
            if let Some(raw_field) = raw_field {
                match field.read(key, raw_field, report) {
                    Some(value) => drop(fields.insert(key.clone(), value)),
                    None => sound = false,
                }
            }
        }
        sound.then_some(Value::Table(fields))
    }
}

impl Setting {
    /// Whether `text` is the default.
    pub(crate) fn is_default(&self, text: &str) -> bool {
        let default = self.default.as_ref().map(|default| &default.value);
        matches!(default, Some(Raw::Text(default)) if default == text)
    }

    /// The items of this list, as they are written in `raw`.
    pub(crate) fn parts(&self, raw: Located<Raw>) -> Vec<Located<Raw>> {
        let of_keys = |items: &Setting| items.kind.is("ssh-key");
        match self.items.as_deref().is_some_and(of_keys) {
            true => key_lines(raw),
            false => items(raw),
        }
    }
}

/// The lines of authorized_keys in a text, or in each text of an array.
fn key_lines(raw: Located<Raw>) -> Vec<Located<Raw>> {
    let lines_of = |raw: Located<Raw>, commas: bool| match &raw.value {
        Raw::Text(text) => {
            let lines = ssh_key::lines(text, commas).into_iter();
            let lines = lines.map(|range| part(&raw.span, text, range));
            lines.collect()
        }
        _ => vec![raw],
    };
    match raw.value {
        Raw::List(items) => {
            let items = items.into_iter();
            items.flat_map(|item| lines_of(item, false)).collect()
        }
        _ => lines_of(raw, true),
    }
}
