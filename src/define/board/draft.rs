//! What several tables of a board's file are read by.

use crate::define::read::Section;
use crate::diag::{Diagnostic, Located};
use crate::tree::TreePath;

/// A value under way, with the words that the rules point at.
pub(super) struct Draft<'s, T> {
    pub(super) section: &'s Section<'s>,
    pub(super) name: Option<Located<String>>,
    pub(super) value: Option<T>,
}

pub(super) fn plain(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

pub(super) fn absolute(section: &Section<'_>, path: &Located<String>) -> bool {
    let sound = path.value.starts_with('/') && TreePath::parse(path.value.as_bytes()).is_ok();
    if !sound {
        section.report(
            Diagnostic::new("define::path", "not a path of the image")
                .label(&path.span, "expected a path from `/` on, without `..`"),
        );
    }
    sound
}

/// Whether `text` is an address that is fetched from.
pub(super) fn address(section: &Section<'_>, text: &Located<String>) -> bool {
    let schemes = ["http://", "https://", "file:///"];
    let sound = schemes.iter().any(|scheme| text.value.starts_with(scheme));
    if !sound {
        section.report(
            Diagnostic::new("board::address", format!("`{}` is no address", text.value))
                .label(&text.span, "expected http://…, https://… or file:///…"),
        );
    }
    sound
}

/// The fingerprint of a primary key, without what people group its digits by.
pub(super) fn fingerprint(section: &Section<'_>, text: &Located<String>) -> Option<String> {
    let digits = digits(&text.value);
    let blanks_only = text
        .value
        .chars()
        .all(|c| c.is_ascii_hexdigit() || c == ' ');
    let sound = matches!(digits.len(), 40 | 64) && blanks_only;
    if !sound {
        section.report(
            Diagnostic::new("board::fingerprint", "not the fingerprint of a key").label(
                &text.span,
                "expected all 40 (or 64) hexadecimal digits: a shorter id can be forged",
            ),
        );
    }
    sound.then_some(digits)
}

/// The digits of a fingerprint, which people write in groups.
fn digits(fingerprint: &str) -> String {
    let digits = fingerprint.chars().filter(|c| !c.is_whitespace());
    digits.map(|digit| digit.to_ascii_lowercase()).collect()
}
