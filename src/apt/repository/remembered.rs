//! The keys under which the store remembers the state of an archive.

use crate::apt::keyring::Keyring;
use crate::apt::release::Release;
use crate::digest::{Hasher, Sha256};

/// The key of the last InRelease of suite `suite` of repository `name`, whatever mirror it came
/// from.
pub(super) fn release_key(name: &str, suite: &str, keyring: &Keyring) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.field(name.as_bytes());
    hasher.field(suite.as_bytes());
    for fingerprint in keyring.fingerprints() {
        hasher.field(fingerprint.as_bytes());
    }
    hasher.finish()
}

/// The keys of the newest `Date` of `release` of `repository`: one for each OpenPGP key that has
/// signed it, so that an old state is recognized even if only one of today's keys has signed it.
/// The codename is used, because `Suite` changes from stable to oldstable.
pub(super) fn age_keys(repository: &str, release: &Release) -> Vec<Sha256> {
    let name = release.codename.as_ref().or(release.suite.as_ref());
    let key = |signer: &String| {
        let mut hasher = Hasher::new();
        hasher.field(signer.as_bytes());
        hasher.field(repository.as_bytes());
        for field in [release.origin.as_ref(), release.label.as_ref(), name] {
            hasher.field(field.map_or(b"", |field| field.as_bytes()));
        }
        hasher.finish()
    };
    release.signers.iter().map(key).collect()
}
