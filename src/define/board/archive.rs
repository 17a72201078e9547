//! Reads the archives that lend files to blobs: `[[archive]]`.
//!
//! Such an archive has a key of its own, which stands in the board's file: nothing that comes over
//! the network says whom to trust. No package of it is installed.

use super::PackageFile;
use super::base::{address, fingerprint};
use super::file::{Draft, plain};
use crate::define::read::{Keys, Section};
use crate::diag::{Diagnostic, Located};
use serde::Serialize;

/// An archive that is not the suite's, with a key of its own. Nothing is installed from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    /// How blobs refer to it.
    pub name: String,
    /// The address of its root.
    pub url: String,
    /// The suite or its codename.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// The fingerprint of the primary key that signs, 40 or 64 hexadecimal digits.
    pub fingerprint: String,
    /// That key, armored. The fingerprint decides whom to trust, so this decides no byte.
    #[serde(skip)]
    pub key: Located<String>,
}

/// A file of a package of such an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArchiveFile {
    /// The name of the [`Archive`].
    pub archive: String,
    /// The package and the file in it.
    pub file: PackageFile,
}

impl Archive {
    /// Its suite, as locks and messages name it: `armbian/trixie`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.name, self.suite)
    }
}

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

/// The file of a package of one of `archives`, from the blob's source.
pub(super) fn archive_file(section: &Section<'_>, archives: &[&str]) -> Option<ArchiveFile> {
    let archive = section.text("archive")?;
    let file = super::source::package_file(section);
    if !archives.contains(&archive.value.as_str()) {
        section.report(
            Diagnostic::new(
                "board::unknown-archive",
                format!("no `[[archive]]` is called `{}`", archive.value),
            )
            .label(&archive.span, "")
            .suggest(&archive.value, archives.iter().copied()),
        );
        return None;
    }
    Some(ArchiveFile {
        archive: archive.value,
        file: file?,
    })
}
