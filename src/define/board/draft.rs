//! Helpers that read several tables of a board file.

use crate::define::read::Section;
use crate::diag::{Diagnostic, Located};
use crate::tree::TreePath;

/// A named table that was read, with the places at which messages of the rules point.
pub(super) struct Draft<'s, T> {
    pub(super) section: &'s Section<'s>,
    pub(super) name: Option<Located<String>>,
    /// The value, unless a part of the table is wrong.
    pub(super) value: Option<T>,
}

impl<'s, T> Draft<'s, T> {
    /// The draft of `section`; `value` makes its value out of the name.
    pub(super) fn of(
        section: &'s Section<'s>,
        name: Option<Located<String>>,
        value: impl FnOnce(String) -> Option<T>,
    ) -> Self {
        let value = name.as_ref().and_then(|name| value(name.value.clone()));
        Self {
            section,
            name,
            value,
        }
    }
}

/// The names of `drafts`.
pub(super) fn names<'d, T>(drafts: &'d [Draft<'_, T>]) -> Vec<&'d str> {
    let names = drafts.iter().filter_map(|draft| draft.name.as_ref());
    names.map(|name| name.value.as_str()).collect()
}

/// The name in `section`, if it has only letters, digits, `-`, `.` and `_` and is not `reserved`.
pub(super) fn name(
    section: &Section<'_>,
    code: &'static str,
    thing: &str,
    reserved: (impl FnOnce(&str) -> bool, &str),
) -> Option<Located<String>> {
    let name = section.need("name", section.text("name"))?;
    let (is_reserved, not_reserved) = reserved;
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let sound = !is_reserved(&name.value) && name.value.chars().all(is_word);
    if !sound {
        let title = format!("no {thing} can be called `{}`", name.value);
        let expected = format!("expected letters, digits, `-`, `.`, `_`, and {not_reserved}");
        section.report(Diagnostic::new(code, title).label(&name.span, expected));
    }
    sound.then_some(name)
}

/// Whether `name` is one of the names `known`; if not, a mistake is reported. `kind` is its code and what should have the name.
pub(super) fn is_known(
    section: &Section<'_>,
    name: &Located<String>,
    kind: (&'static str, &str),
    known: &[&str],
) -> bool {
    let (code, thing) = kind;
    let found = known.contains(&name.value.as_str());
    if !found {
        let title = format!("no {thing} is called `{}`", name.value);
        let problem = Diagnostic::new(code, title).label(&name.span, "");
        section.report(problem.suggest(&name.value, known.iter().copied()));
    }
    found
}

/// The values of `texts`.
pub(super) fn plain(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

/// Whether `path` is an absolute path of the image; a mistake is reported.
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

/// Whether `text` is an address that imgbuild can fetch from; a mistake is reported.
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

/// The fingerprint of a primary key, without the spaces between its groups of digits.
pub(super) fn fingerprint(section: &Section<'_>, text: &Located<String>) -> Option<String> {
    let digits = text.value.replace(' ', "").to_ascii_lowercase();
    let sound = matches!(digits.len(), 40 | 64) && digits.chars().all(|c| c.is_ascii_hexdigit());
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
