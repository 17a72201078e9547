//! Splits the text of a list into its items.

use crate::define::read::Raw;
use crate::diag::{Located, Span};
use std::ops::Range;

/// The part `range` of `text`; `span` is the place of `text`.
pub(super) fn part(span: &Span, text: &str, range: Range<usize>) -> Located<Raw> {
    let value = Raw::Text(text[range.clone()].to_owned());
    let (file, start) = (span.file, span.range.start);
    // A quoted string in a file is longer than its text, so the places of its parts are not known.
    let range = match span.range.len() == text.len() {
        true => start + range.start..start + range.end,
        false => span.range.clone(),
    };
    let span = Span { file, range };
    Located { value, span }
}

/// The items of a list: those of an array, or the parts of a text such as `a,b`, with their places.
pub(super) fn items(raw: Located<Raw>) -> Vec<Located<Raw>> {
    let span = raw.span;
    let text = match raw.value {
        Raw::List(items) => return items,
        Raw::Text(text) if text.is_empty() => return Vec::new(),
        Raw::Text(text) => text,
        value => return vec![Located { value, span }],
    };
    let (mut start, mut parts) = (0, Vec::new());
    for item in text.split(',') {
        let end = start + item.len();
        parts.push(part(&span, &text, start..end));
        start = end + 1;
    }
    parts
}
