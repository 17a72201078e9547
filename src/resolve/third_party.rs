//! Packages of third-party archives, which provide files for the blobs of a board. They are pinned by signed indices like
//! Debian's packages, but they are not installed and have no influence on the other packages.

use super::error::ResolveError;
use crate::apt::keyring::{Keyring, KeyringError};
use crate::apt::repository::{Freshness, Indices, Repository};
use crate::apt::solve::Universe;
use crate::define::board::{Archive, Board};
use crate::diag::{Diagnostic, Diagnostics};
use crate::fetch::BadUrl;
use crate::lock::LockedPackage;
use crate::specification::Spec;
use crate::store::Store;
use std::error::Error;
use std::sync::Arc;

/// An error: a third-party archive of a board cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThirdPartyError {
    /// Its key cannot be read or has another fingerprint.
    #[error("cannot use the key of archive `{archive}`")]
    Key {
        /// The name of the archive.
        archive: String,
        /// The cause.
        source: KeyringError,
    },
    /// Its address is not a URL.
    #[error("cannot use the address of archive `{archive}`")]
    Address {
        /// The name of the archive.
        archive: String,
        /// The cause.
        source: BadUrl,
    },
}

/// The third-party archives that provide files for blobs of `board`.
///
/// # Errors
///
/// The key or the address of an archive cannot be used.
pub fn third_party_archives(
    board: &Board,
    freshness: Freshness,
) -> Result<Vec<Repository>, ThirdPartyError> {
    let packages = board.third_party_packages();
    let is_used = |archive: &&Archive| packages.iter().any(|(name, _)| *name == archive.name);
    let archives = board.archives.iter().filter(is_used);
    archives
        .map(|archive| third_party_archive(archive, freshness))
        .collect()
}

/// Whether the key of every third-party archive of `board` has the right fingerprint; mistakes are reported.
pub fn lint_archive_keys(diagnostics: &mut Diagnostics, board: &Board) -> bool {
    let mut sound = true;
    for archive in &board.archives {
        if let Err(error) = third_party_archive(archive, Freshness::Checked) {
            sound = false;
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            diagnostics.push(
                Diagnostic::new("board::archive-key", error.to_string())
                    .label(&archive.key.span, cause),
            );
        }
    }
    sound
}

/// The repository of `archive`. It trusts only the key with the fingerprint in the board file.
fn third_party_archive(
    archive: &Archive,
    freshness: Freshness,
) -> Result<Repository, ThirdPartyError> {
    let key = Keyring::parse(archive.key.value.as_bytes());
    let keyring = key.and_then(|ring| ring.only(&archive.fingerprint));
    let url = archive
        .url
        .parse()
        .map_err(|source| ThirdPartyError::Address {
            archive: archive.name.clone(),
            source,
        })?;
    Ok(Repository {
        name: archive.repository(),
        base_urls: vec![url],
        suite: archive.suite.clone(),
        components: archive.components.clone(),
        keyring: keyring.map_err(|source| ThirdPartyError::Key {
            archive: archive.name.clone(),
            source,
        })?,
        freshness,
    })
}

/// The newest version of each third-party package of `spec`; `fetched` are the indices of `archives`.
pub(super) fn choose(
    spec: &Spec,
    archives: &[Repository],
    fetched: &[Indices],
    store: &Store,
) -> Result<Vec<LockedPackage>, ResolveError> {
    let board = &spec.board;
    let mut chosen = Vec::new();
    for (repository, indices) in archives.iter().zip(fetched) {
        let mut texts = Vec::new();
        for index in &indices.indices {
            let text = store.read_text(&index.text)?;
            texts.push((repository.name.clone(), Arc::from(text)));
        }
        let universe = Universe::new(texts, board.architecture)?;
        let packages = board.third_party_packages().into_iter();
        let is_here = |name: &str| board.archive(name).repository() == repository.name;
        for (_, name) in packages.filter(|(archive, _)| is_here(archive)) {
            let package = universe.named(name).next();
            let package = package.ok_or_else(|| ResolveError::NoFilePackage {
                name: name.to_owned(),
                repositories: vec![repository.name.clone()],
            })?;
            chosen.push(package.locked(true));
        }
    }
    Ok(chosen)
}
