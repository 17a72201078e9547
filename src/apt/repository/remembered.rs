//! What is remembered of an archive, and of which one.

use super::Repository;
use crate::apt::release::Release;
use crate::digest::{Hasher, Sha256};

/// What a repository is remembered by, whatever mirror it comes from.
pub(super) fn release_key(repository: &Repository) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.field(repository.name.as_bytes());
    hasher.field(repository.suite.as_bytes());
    for fingerprint in repository.keyring.fingerprints() {
        hasher.field(fingerprint.as_bytes());
    }
    hasher.finish()
}

/// What the age of `release` is remembered by: one for each key that has signed it, so that an old state
/// is known as old also where only one of today's keys has signed it. The codename stays when `Suite`
/// moves from stable to oldstable.
pub(super) fn age_keys(repository: &Repository, release: &Release) -> Vec<Sha256> {
    let name = release.codename.as_ref().or(release.suite.as_ref());
    let key = |signer: &String| {
        let mut hasher = Hasher::new();
        hasher.field(signer.as_bytes());
        hasher.field(repository.name.as_bytes());
        for field in [release.origin.as_ref(), release.label.as_ref(), name] {
            hasher.field(field.map_or(b"", |field| field.as_bytes()));
        }
        hasher.finish()
    };
    release.signers.iter().map(key).collect()
}
