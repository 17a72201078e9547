//! Single values of a TOML file, with their places.

use crate::diag::{Diagnostic, FileId, Located, Problems, Span};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::DeValue;

/// A value as it was written, before its meaning is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// A string, or the text of a command-line option.
    Text(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array.
    List(Vec<Located<Raw>>),
    /// A table.
    Table(BTreeMap<String, Located<Raw>>),
}

impl fmt::Display for Raw {
    /// Writes the value as TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Text(text) => write!(f, "\"{}\"", text.escape_debug()),
            Raw::Integer(number) => write!(f, "{number}"),
            Raw::Boolean(flag) => write!(f, "{flag}"),
            Raw::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.to_string()).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Raw::Table(fields) => {
                let field =
                    |(name, value): (&String, &Located<Raw>)| format!("{name} = {}", value.value);
                write!(
                    f,
                    "{{ {} }}",
                    fields.iter().map(field).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }
}

impl Raw {
    /// The type, for messages.
    pub fn what(&self) -> &'static str {
        match self {
            Raw::Text(_) => "a string",
            Raw::Integer(_) => "an integer",
            Raw::Boolean(_) => "true or false",
            Raw::List(_) => "an array",
            Raw::Table(_) => "a table",
        }
    }
}

/// Collects the mistakes of one file.
pub(crate) struct Reader {
    pub(super) file: FileId,
    pub(super) problems: RefCell<Problems>,
}

impl Reader {
    pub(super) fn report(&self, problem: Diagnostic) {
        self.note(|| problem);
    }

    /// Reports a mistake. `words` is called only if the mistake will be shown.
    pub(super) fn note(&self, words: impl FnOnce() -> Diagnostic) {
        self.problems.borrow_mut().note(words);
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let file = self.file;
        Span { file, range }
    }

    pub(super) fn key(&self, key: &Spanned<Cow<'_, str>>) -> Located<String> {
        Located {
            value: key.get_ref().clone().into_owned(),
            span: self.span(key.span()),
        }
    }

    pub(super) fn wrong_type(&self, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.report(
            Diagnostic::new("define::wrong-type", format!("expected {expected}"))
                .label(&self.span(value.span()), format!("this is of type {found}")),
        );
    }

    pub(super) fn raw(&self, value: &Spanned<DeValue<'_>>) -> Option<Located<Raw>> {
        let raw = match value.get_ref() {
            DeValue::String(text) => Raw::Text(text.clone().into_owned()),
            DeValue::Boolean(flag) => Raw::Boolean(*flag),
            DeValue::Integer(_) => Raw::Integer(self.integer(value)?),
            DeValue::Array(items) => {
                Raw::List(items.iter().filter_map(|item| self.raw(item)).collect())
            }
            DeValue::Table(table) => Raw::Table(
                table
                    .iter()
                    .filter_map(|(key, value)| Some((key.get_ref().to_string(), self.raw(value)?)))
                    .collect(),
            ),
            DeValue::Float(_) | DeValue::Datetime(_) => {
                self.wrong_type(
                    value,
                    "a string, an integer, true or false, an array or a table",
                );
                return None;
            }
        };
        Some(Located {
            value: raw,
            span: self.span(value.span()),
        })
    }

    pub(super) fn integer(&self, value: &Spanned<DeValue<'_>>) -> Option<i64> {
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(value, "an integer");
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix());
        if number.is_err() {
            self.wrong_type(value, "an integer of 64 bits");
        }
        number.ok()
    }

    pub(super) fn string(&self, value: &Spanned<DeValue<'_>>) -> Option<Located<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(value, "a string");
            return None;
        };
        Some(Located {
            value: text.clone().into_owned(),
            span: self.span(value.span()),
        })
    }
}
