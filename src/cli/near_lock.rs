//! What a lock must not decide that was found in the working directory and that nobody named.
//!
//! A lock pins digests that no signature is asked about again. In a repository that was cloned it is
//! somebody else's word; what it pins comes from the user's own mirror, but where the device gets its
//! upgrades for ever after, and which image it is built on, would be somebody else's choice.

use super::failure::Failure;
use crate::apt::keyring::Keyring;
use crate::apt::mirrors::DebianMirrors;
use crate::apt::repository::Freshness;
use crate::lock::Lock;
use crate::resolve::repositories;
use crate::specification::{ImageBase, Spec};
use std::collections::BTreeSet;

/// What `lock` would decide of that; `mirrors` are those that the user has.
pub(super) fn claim(
    lock: &Lock,
    spec: &Spec,
    mirrors: impl FnOnce() -> Result<DebianMirrors, Failure>,
) -> Result<Option<String>, Failure> {
    for (image, locked) in [(&spec.base, &lock.base), (&spec.loader, &lock.loader)] {
        // Of every other image the user or the board says what it must be, or it is the user's file.
        let unproven = match image {
            Some(ImageBase::Named(base)) => base.proof.sha256().is_none(),
            Some(ImageBase::Address { sha256, .. }) => sha256.is_none(),
            Some(ImageBase::File { .. }) | None => false,
        };
        if let (true, Some(locked)) = (unproven, locked) {
            let (name, sha256) = (&locked.name, &locked.sha256);
            return Ok(Some(format!(
                "the image `{name}` is the one with sha256 {sha256}, without a signature being asked"
            )));
        }
    }
    if spec.base.is_some() {
        return Ok(None);
    }
    // Compared as addresses and names only; neither key nor age matters for that.
    let suite = &spec.board.suite;
    let own = repositories(suite, &mirrors()?, &Keyring::debian(), Freshness::Ignored);
    let own: BTreeSet<(String, String)> = own
        .iter()
        .flat_map(|repository| {
            let urls = repository.base_urls.iter();
            urls.map(|url| (repository.name.clone(), plain(&url.to_string())))
        })
        .collect();
    let other = lock.repositories.iter().find(|repository| {
        let tools = repository.name.starts_with("tools/");
        !tools && !own.contains(&(repository.name.clone(), plain(&repository.url)))
    });
    Ok(other.map(|other| {
        let urls: BTreeSet<&str> = own.iter().map(|(_, url)| url.as_str()).collect();
        let urls: Vec<&str> = urls.into_iter().collect();
        format!(
            "the device gets its upgrades from `{}` ({}), where this machine fetches from {}",
            other.url,
            other.name,
            urls.join(", ")
        )
    }))
}

fn plain(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
