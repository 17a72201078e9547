//! Reads the archives that lend files to blobs: `[[archive]]`.
//!
//! Such an archive has a key of its own, which stands in the board's file: nothing that comes over
//! the network says whom to trust. No package of it is installed.

use super::draft::{Draft, address, fingerprint, plain};
use super::model::Archive;
use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located};

pub(super) static ARCHIVE: Keys = Keys {
    table: "[[archive]]",
    keys: &["name", "url", "suite", "components", "fingerprint", "key"],
};

pub(super) fn archive<'s>(section: &'s Section<'s>) -> Draft<'s, Archive> {
    let name = section.need("name", section.text("name"));
    let name = name.filter(|name| sound_name(section, name));
    let url = section.need("url", section.text("url"));
    let url = url.filter(|url| address(section, url));
    let suite = section.need("suite", section.text("suite"));
    let components = section.need("components", Some(section.texts("components")));
    let text = section.text("fingerprint");
    let digits = text.and_then(|text| fingerprint(section, &text));
    let fingerprint = section.need("fingerprint", digits);
    let key = section.need("key", section.text("key"));
    let value = || {
        Some(Archive {
            name: name.as_ref()?.value.clone(),
            url: url?.value,
            suite: suite?.value,
            components: plain(components?),
            fingerprint: fingerprint?,
            key: key?,
        })
    };
    let value = value();
    Draft {
        section,
        name,
        value,
    }
}

/// Locks and messages call its suite `NAME/SUITE`, as they call Debian's.
fn sound_name(section: &Section<'_>, name: &Located<String>) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let sound = !name.value.starts_with("debian") && name.value.chars().all(is_word);
    if !sound {
        let title = format!("no other archive can be called `{}`", name.value);
        let expected = "expected letters, digits, `-`, `.`, `_`, and another start than `debian`";
        section.report(Diagnostic::new("board::archive-name", title).label(&name.span, expected));
    }
    sound
}
