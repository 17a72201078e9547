//! Reads a TOML file table by table. A mistake is reported with its place and does not stop the reading, so that a
//! person sees all mistakes at once.
//!
//! The tables come from the toml crate with spans; serde would stop at the first mistake. The crate refuses arrays and
//! tables that are nested deeper than 80, so code that walks through values can recurse. A definition has at most
//! [`MAX_TEXT`](super::MAX_TEXT) bytes and [`MAX_TABLES`] tables of one name.

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

/// The largest number of tables of one name, such as `[[file]]` or `[settings.NAME]`. The shipped definitions have 40
/// at most.
const MAX_TABLES: usize = 1_000;

/// The largest size in a definition. All bytes of an image are hashed and written; the root filesystem grows over a
/// larger card when the device starts.
const MAX_SIZE: Bytes = Bytes::mib(64 << 10);

/// The keys of one table of a format, as its README lists them.
#[derive(Debug)]
pub struct Keys {
    /// The header of the table, such as `[disk]` or `[[partition]]`; empty for the top of the file.
    pub table: &'static str,
    keys: &'static str,
}

impl Keys {
    /// The keys of the table with the header `table`; `keys` has spaces between them.
    pub(crate) const fn of(table: &'static str, keys: &'static str) -> Self {
        Self { table, keys }
    }

    /// Every key, in the order of the README.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys.split_whitespace()
    }

    fn contains(&self, key: &str) -> bool {
        self.iter().any(|known| known == key)
    }
}

/// One table of a file.
pub(crate) struct Section<'r> {
    reader: &'r Reader,
    table: &'r DeTable<'r>,
    span: Span,
    keys: &'static Keys,
}

/// Reads the definition `text` with `read`; `name` is its path. Returns `None` if `text` has mistakes, which are
/// reported.
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
        // The top of a file has no header, so messages about it point at the first line.
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

/// Reads the top table of `text` as values. It may have any keys.
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
        for (key, _) in table.iter() {
            let key = reader.key(key);
            if !keys.contains(&key.value) {
                reader.note(|| unknown_key(&key, keys.iter()));
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

    /// Reports a mistake.
    pub(crate) fn report(&self, problem: Diagnostic) {
        self.reader.report(problem);
    }

    /// Reports a mistake. `words` is called only if the mistake will be shown.
    pub(crate) fn note(&self, words: impl FnOnce() -> Diagnostic) {
        self.reader.note(words);
    }

    /// The number of mistakes in the file that were reported so far.
    pub(crate) fn mistakes(&self) -> usize {
        let problems = self.reader.problems.borrow();
        problems.first().len() + problems.rest()
    }

    /// The place of the header of this table.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    fn get(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        debug_assert!(
            self.keys.contains(key),
            "`{key}` is one of the keys of {:?}",
            self.keys.table
        );
        self.table.get(key)
    }

    /// Whether `key` is written here.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Returns `value`, and reports a mistake if `key` is missing in the table.
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

    /// Whether the table has an unknown key, which is reported elsewhere, that looks like a misspelt `key`.
    fn misspells(&self, key: &str) -> bool {
        let names = self.table.keys().map(|name| name.get_ref().as_ref());
        let mut unknown = names.filter(|name| !self.keys.contains(name));
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

    /// A string, parsed as a `T`; the error of `T` is the title of the diagnostic.
    pub(crate) fn parsed<T>(&self, key: &str) -> Option<Located<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key)?;
        self.convert(&text)
    }

    /// Parses `text` as a `T`.
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

    /// A size of at most [`MAX_SIZE`].
    pub(crate) fn size(&self, key: &str) -> Option<Located<Bytes>> {
        self.as_size(&self.text(key)?)
    }

    /// Parses `text` as a size of at most [`MAX_SIZE`].
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

    /// One of `words`, as the value that belongs to it.
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

    /// An array of strings; empty if the key is missing.
    pub(crate) fn texts(&self, key: &str) -> Vec<Located<String>> {
        let items = self.array(key, "an array of strings").into_iter().flatten();
        items.filter_map(|item| self.reader.string(item)).collect()
    }

    /// A value of any type.
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
        let items = self.array(key, "an array of tables");
        let items = items.filter(|items| self.is_bounded(key, items.len()));
        let items = items.into_iter().flatten();
        items
            .filter_map(|item| self.open_value(item, keys))
            .collect()
    }

    /// The items of an array; `expected` says which items it should have.
    fn array(&self, key: &str, expected: &str) -> Option<&'r [Spanned<DeValue<'r>>]> {
        let value = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.reader.wrong_type(value, expected);
            return None;
        };
        Some(items)
    }

    /// A table of tables: their names are free, their keys are `keys`.
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
        if !self.is_bounded(key, table.len()) {
            return Vec::new();
        }
        let pairs = table.iter();
        pairs
            .filter_map(|(name, value)| {
                Some((self.reader.key(name), self.open_value(value, keys)?))
            })
            .collect()
    }

    /// Whether the value of `key`, which has `count` tables, has [`MAX_TABLES`] at most; reports a mistake if not.
    fn is_bounded(&self, key: &str, count: usize) -> bool {
        let bounded = count <= MAX_TABLES;
        if let Some(value) = self.get(key).filter(|_| !bounded) {
            let title = format!("`{key}` has {count} tables");
            let expected = format!("expected {MAX_TABLES} at most");
            self.report(
                Diagnostic::new("define::too-many", title)
                    .label(&self.reader.span(value.span()), expected),
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
