//! Reads the images that a build may start from: `[[base]]`.

use super::draft::{self, Draft, address, fingerprint};
use super::model::{Base, Proof};
use crate::define::read::{Keys, Section};
use crate::diag::Diagnostic;

pub(super) static BASE: Keys = Keys::of(
    "[[base]]",
    "name urls sha256 fingerprints keys signature checksums",
);

/// The value of `--base` for a build from packages.
pub const FROM_PACKAGES: &str = "debian";

pub(super) fn base<'s>(section: &'s Section<'s>) -> Draft<'s, Base> {
    let expected = format!("another name than `{FROM_PACKAGES}`");
    let reserved = (|name: &str| name == FROM_PACKAGES, &*expected);
    let name = draft::name(section, "board::base-name", "base", reserved);
    let urls = section.need("urls", addresses(section, "urls"));
    let proof = proof(section);
    Draft::of(section, name, |name| {
        Some(Base {
            name,
            urls: urls?,
            proof: proof?,
        })
    })
}

/// The addresses in the array `key`; `None` if one of them is not a URL or the array is empty.
fn addresses(section: &Section<'_>, key: &str) -> Option<Vec<String>> {
    let texts = section.texts(key);
    if !texts.iter().all(|text| address(section, text)) {
        return None;
    }
    if section.has(key) && texts.is_empty() {
        section.report(
            Diagnostic::new("board::address", format!("`{key}` names no address"))
                .label(section.span(), "expected an array of one or more URLs"),
        );
        return None;
    }
    Some(texts.into_iter().map(|text| text.value).collect())
}

fn proof(section: &Section<'_>) -> Option<Proof> {
    let sha256 = section.parsed("sha256");
    let fingerprints = section.texts("fingerprints");
    if section.has("sha256") == section.has("fingerprints") {
        section.report(
            Diagnostic::new(
                "board::base-proof",
                "a base is known to be genuine in one way",
            )
            .label(
                section.span(),
                "expected either `sha256`, or `fingerprints` with `signature`",
            ),
        );
        return None;
    }
    if section.has("sha256") {
        return sha256.map(|sha256| Proof::Sha256(sha256.value));
    }
    let keys = addresses(section, "keys");
    let signature = section.need("signature", section.text("signature"));
    let checksums = section.text("checksums");
    if fingerprints.is_empty() {
        section.report(
            Diagnostic::new("board::fingerprint", "`fingerprints` names no key").label(
                section.span(),
                "expected an array of one or more fingerprints",
            ),
        );
    }
    let fingerprints = fingerprints.iter();
    let fingerprints = fingerprints.map(|text| fingerprint(section, text));
    Some(Proof::Signature {
        fingerprints: fingerprints.collect::<Option<_>>()?,
        keys: keys?,
        signature: signature?.value,
        checksums: checksums.map(|checksums| checksums.value),
    })
}
