//! Reads the third-party archives that provide files for blobs: `[[archive]]`.
//!
//! The key of such an archive is in the board file, so that nothing that comes over the network decides whom to trust. No
//! package of the archive is installed.

use super::draft::{self, Draft, address, fingerprint, plain};
use super::model::Archive;
use crate::define::read::{Keys, Section};

pub(super) static ARCHIVE: Keys =
    Keys::of("[[archive]]", "name url suite components fingerprint key");

pub(super) fn archive<'s>(section: &'s Section<'s>) -> Draft<'s, Archive> {
    // Locks and messages call its suite `NAME/SUITE`, as they call Debian's.
    let is_debian = |name: &str| name.starts_with("debian");
    let reserved = (is_debian, "another start than `debian`");
    let name = draft::name(section, "board::archive-name", "other archive", reserved);
    let url = section.need("url", section.text("url"));
    let url = url.filter(|url| address(section, url));
    let suite = section.need("suite", section.text("suite"));
    let components = section.need("components", Some(section.texts("components")));
    let text = section.text("fingerprint");
    let digits = text.and_then(|text| fingerprint(section, &text));
    let fingerprint = section.need("fingerprint", digits);
    let key = section.need("key", section.text("key"));
    Draft::of(section, name, |name| {
        Some(Archive {
            name,
            url: url?.value,
            suite: suite?.value,
            components: plain(components?),
            fingerprint: fingerprint?,
            key: key?,
        })
    })
}
