//! Reads a TOML file table by table. Every mistake is noted with its place and none stops the
//! reading, so that a person sees all of them at once.
//!
//! The tables come from the toml crate with spans; serde would stop at the first mistake. It refuses
//! arrays and tables that nest deeper than 80, so whatever walks through values may do so by recursion. A
//! definition has at most [`MAX_TEXT`](super::MAX_TEXT) bytes and [`MAX_TABLES`] tables of one name.

mod value;

pub use value::Raw;

use crate::diag::{Diagnostic, Diagnostics, FileId, Located, Problems, Span, nearest};
use crate::units::Bytes;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use value::Reader;

/// The version of the definition formats.
const SCHEMA: i64 = 1;

/// The most tables of one name, `[[file]]` or `[settings.NAME]`. The largest that is shipped has 40.
const MAX_TABLES: usize = 1_000;

/// The largest size in a definition. An image is sealed, hashed and written from its first to its last
/// byte; what is larger belongs onto the card, over which the root filesystem grows.
const MAX_SIZE: Bytes = Bytes::mib(64 << 10);

/// The keys of one table of a format, as its README lists them.
#[derive(Debug)]
pub struct Keys {
    /// `[disk]`, `[[partition]]`; empty for the top of the file.
    pub table: &'static str,
    /// Every key.
    pub keys: &'static [&'static str],
}

/// One table of a file.
pub(crate) struct Section<'r> {
    reader: &'r Reader,
    table: &'r DeTable<'r>,
    span: Span,
    keys: &'static Keys,
}

/// Reads the definition `text` with `read`; `name` is its path. Nothing comes back if it has mistakes.
pub(crate) fn definition<T>(
    diagnostics: &mut Diagnostics,
    name: &str,
    text: &str,
    keys: &'static Keys,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    let file = diagnostics.sources.add(name, text);
    let table = syntax(diagnostics, file, text)?;
    let problems = RefCell::new(Problems::default());
    let reader = Reader { file, problems };
    let value = {
        // The top of a file has no words of its own to point at but its first.
        let end = text.find('\n').unwrap_or(text.len());
        let top = Section::open(&reader, table.get_ref(), 0..end, keys);
        top.check_schema();
        read(&top)
    };
    let problems = reader.problems.into_inner();
    let sound = problems.is_empty();
    debug_assert!(!sound || value.is_some(), "a refusal of {name} is reported");
    diagnostics.append(problems);
    value.filter(|_| sound)
}

/// Reads the top table of `text`, which has any keys, as values.
pub(crate) fn free_table(
    diagnostics: &mut Diagnostics,
    file: FileId,
    text: &str,
) -> Option<Vec<(Located<String>, Located<Raw>)>> {
    let table = syntax(diagnostics, file, text)?;
    let problems = RefCell::new(Problems::default());
    let reader = Reader { file, problems };
    let pairs = table.get_ref().iter();
    let pairs = pairs.filter_map(|(key, value)| Some((reader.key(key), reader.raw(value)?)));
    let pairs = pairs.collect();
    diagnostics.append(reader.problems.into_inner());
    Some(pairs)
}

fn syntax<'t>(
    diagnostics: &mut Diagnostics,
    file: FileId,
    text: &'t str,
) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        diagnostics.push(
            Diagnostic::new("toml::syntax", format!("not TOML: {}", error.message()))
                .label(&Span { file, range }, ""),
        );
    }
    errors.is_empty().then_some(table)
}

fn unknown_key(key: &Located<String>, known: impl Iterator<Item = &'static str>) -> Diagnostic {
    let title = format!("unknown key `{}`", key.value);
    Diagnostic::new("define::unknown-key", title)
        .label(&key.span, "")
        .suggest(&key.value, known)
}

impl<'r> Section<'r> {
    fn open(
        reader: &'r Reader,
        table: &'r DeTable<'r>,
        range: Range<usize>,
        keys: &'static Keys,
    ) -> Self {
        let span = reader.span(range);
        let known = || keys.keys.iter().copied();
        for (key, _) in table.iter() {
            let key = reader.key(key);
            if !known().any(|known| known == key.value) {
                reader.note(|| unknown_key(&key, known()));
            }
        }
        Self {
            reader,
            table,
            span,
            keys,
        }
    }

    fn check_schema(&self) {
        let Some(schema) = self.need("schema", self.number("schema")) else {
            return;
        };
        if schema.value != SCHEMA {
            let title = format!("schema {} is not known", schema.value);
            self.report(
                Diagnostic::new("define::schema", title)
                    .label(&schema.span, format!("this imgbuild reads schema {SCHEMA}")),
            );
        }
    }

    /// Takes note of a mistake.
    pub(crate) fn report(&self, problem: Diagnostic) {
        self.reader.report(problem);
    }

    /// Takes note of a mistake, which is put into words only if it will be shown.
    pub(crate) fn note(&self, words: impl FnOnce() -> Diagnostic) {
        self.reader.note(words);
    }

    /// Where this table begins.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    fn get(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        debug_assert!(
            self.keys.keys.contains(&key),
            "`{key}` stands in KEYS of {:?}",
            self.keys.table
        );
        self.table.get(key)
    }

    /// Whether `key` is written here.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Passes `value` on, and takes note if `key` is not written at all.
    pub(crate) fn need<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if !self.has(key) && !self.misspells(key) {
            let place = match self.keys.table {
                "" => "at the top of the file".to_owned(),
                table => format!("in `{table}`"),
            };
            self.report(
                Diagnostic::new("define::missing-key", format!("`{key}` is missing"))
                    .label(&self.span, format!("expected `{key} = …` {place}")),
            );
        }
        value
    }

    /// Whether an unknown key, which was reported, was meant to be `key`.
    fn misspells(&self, key: &str) -> bool {
        let names = self.table.keys().map(|name| name.get_ref().as_ref());
        let mut unknown = names.filter(|name| !self.keys.keys.contains(name));
        unknown.any(|name| nearest(name, [key]).is_some())
    }

    /// A string.
    pub(crate) fn text(&self, key: &str) -> Option<Located<String>> {
        self.reader.string(self.get(key)?)
    }

    /// A boolean.
    pub(crate) fn flag(&self, key: &str) -> Option<Located<bool>> {
        let value = self.get(key)?;
        let DeValue::Boolean(flag) = value.get_ref() else {
            self.reader.wrong_type(value, "true or false");
            return None;
        };
        Some(Located {
            value: *flag,
            span: self.reader.span(value.span()),
        })
    }

    /// An integer.
    pub(crate) fn number(&self, key: &str) -> Option<Located<i64>> {
        let value = self.get(key)?;
        Some(Located {
            value: self.reader.integer(value)?,
            span: self.reader.span(value.span()),
        })
    }

    /// A string that a type reads; its error is the title of the diagnostic.
    pub(crate) fn parsed<T>(&self, key: &str) -> Option<Located<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key)?;
        self.convert(&text)
    }

    /// What a type makes of `text`.
    pub(crate) fn convert<T>(&self, text: &Located<String>) -> Option<Located<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        match text.value.parse() {
            Ok(value) => Some(text.with(value)),
            Err(error) => {
                self.report(
                    Diagnostic::new("define::bad-value", error.to_string()).label(&text.span, ""),
                );
                None
            }
        }
    }

    /// A size, which no image is beyond.
    pub(crate) fn size(&self, key: &str) -> Option<Located<Bytes>> {
        self.as_size(&self.text(key)?)
    }

    /// The size that `text` says.
    pub(crate) fn as_size(&self, text: &Located<String>) -> Option<Located<Bytes>> {
        let size = self.convert::<Bytes>(text)?;
        if size.value > MAX_SIZE {
            let title = format!("no image is as long as {}", size.value);
            let expected = format!("expected {MAX_SIZE} at most");
            self.report(Diagnostic::new("define::bad-value", title).label(&text.span, expected));
            return None;
        }
        Some(size)
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Located<T>> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.report(
                Diagnostic::new(
                    "define::bad-value",
                    format!("`{}` is no value of `{key}`", text.value),
                )
                .label(&text.span, format!("expected one of {}", list.join(", "))),
            );
        }
        found.map(|(_, value)| text.with(*value))
    }

    /// An array of strings; none where the key is not written.
    pub(crate) fn texts(&self, key: &str) -> Vec<Located<String>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.reader.wrong_type(value, "an array of strings");
            return Vec::new();
        };
        let items = items.iter();
        items.filter_map(|item| self.reader.string(item)).collect()
    }

    /// Any value.
    pub(crate) fn raw(&self, key: &str) -> Option<Located<Raw>> {
        self.reader.raw(self.get(key)?)
    }

    /// Whether the value of `key` is a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| value.get_ref().is_table())
    }

    /// A table with known keys.
    pub(crate) fn section(&self, key: &str, keys: &'static Keys) -> Option<Section<'r>> {
        self.open_value(self.get(key)?, keys)
    }

    /// An array of tables with known keys.
    pub(crate) fn sections(&self, key: &str, keys: &'static Keys) -> Vec<Section<'r>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.reader.wrong_type(value, "an array of tables");
            return Vec::new();
        };
        if !self.is_bounded(key, items.len(), value.span()) {
            return Vec::new();
        }
        let items = items.iter();
        items
            .filter_map(|item| self.open_value(item, keys))
            .collect()
    }

    /// A table of any names, each with a table of known keys.
    pub(crate) fn named_sections(
        &self,
        key: &str,
        keys: &'static Keys,
    ) -> Vec<(Located<String>, Section<'r>)> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.reader.wrong_type(value, "a table");
            return Vec::new();
        };
        if !self.is_bounded(key, table.len(), value.span()) {
            return Vec::new();
        }
        let pairs = table.iter();
        pairs
            .filter_map(|(name, value)| {
                Some((self.reader.key(name), self.open_value(value, keys)?))
            })
            .collect()
    }

    /// Whether `key` has no more than [`MAX_TABLES`] tables; takes note if it has.
    fn is_bounded(&self, key: &str, count: usize, range: Range<usize>) -> bool {
        let bounded = count <= MAX_TABLES;
        if !bounded {
            let title = format!("`{key}` has {count} tables");
            let expected = format!("expected {MAX_TABLES} at most");
            self.report(
                Diagnostic::new("define::too-many", title)
                    .label(&self.reader.span(range), expected),
            );
        }
        bounded
    }

    fn open_value(
        &self,
        value: &'r Spanned<DeValue<'r>>,
        keys: &'static Keys,
    ) -> Option<Section<'r>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.reader.wrong_type(value, "a table");
            return None;
        };
        Some(Section::open(self.reader, table, value.span(), keys))
    }
}
