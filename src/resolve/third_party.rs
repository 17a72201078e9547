//! Packages of archives with keys of their own, which lend files to the blobs of a board. Each is
//! pinned by a signed index as Debian's are; none is installed, and none decides what else is.

use super::error::ResolveError;
use crate::apt::keyring::{Keyring, KeyringError};
use crate::apt::repository::{Freshness, Indices, Repository};
use crate::apt::solve::Universe;
use crate::architecture::Architecture;
use crate::define::board::{Archive, Board};
use crate::diag::{Diagnostic, Diagnostics};
use crate::fetch::BadUrl;
use crate::lock::LockedPackage;
use crate::specification::Spec;
use crate::store::Store;
use std::error::Error;
use std::sync::Arc;

/// Why an archive that a board names cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ThirdPartyError {
    /// The file of its key holds no key, or another one.
    #[error("cannot use the key of archive `{archive}`")]
    Key {
        /// The board's name for it.
        archive: String,
        /// Why not.
        source: KeyringError,
    },
    /// Its address is not a URL.
    #[error("cannot use the address of archive `{archive}`")]
    Address {
        /// The board's name for it.
        archive: String,
        /// Why not.
        source: BadUrl,
    },
}

/// The archives that lend files to blobs of `board`.
pub fn third_party_archives(
    board: &Board,
    freshness: Freshness,
) -> Result<Vec<Repository>, ThirdPartyError> {
    let third_party_packages = board.third_party_packages();
    let lends = |archive: &&Archive| {
        third_party_packages
            .iter()
            .any(|(name, _)| *name == archive.name)
    };
    let third_party_archives = board.archives.iter().filter(lends);
    third_party_archives
        .map(|archive| third_party_archive(archive, freshness))
        .collect()
}

/// Whether every archive of `board` has the key that its fingerprint names; what is wrong is added to
/// `diagnostics`.
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

/// `archive`, by no other key than the one that its board names.
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

/// The newest of each package that `spec` borrows files of, from the `third_party_archives` as `fetched`.
pub(super) fn choose(
    spec: &Spec,
    third_party_archives: &[Repository],
    fetched: &[Indices],
    store: &Store,
) -> Result<Vec<LockedPackage>, ResolveError> {
    let mut third_party_packages = Vec::new();
    for (third_party_archive, indices) in third_party_archives.iter().zip(fetched) {
        let universe = universe(third_party_archive, indices, spec.board.architecture, store)?;
        for (_, name) in (spec.board.third_party_packages().into_iter()).filter(|(archive, _)| {
            spec.board.archive(archive).repository() == third_party_archive.name
        }) {
            let package = universe.named(name).next();
            let package = package.ok_or_else(|| ResolveError::NoFilePackage {
                name: name.to_owned(),
                repositories: vec![third_party_archive.name.clone()],
            })?;
            third_party_packages.push(package.locked(true));
        }
    }
    Ok(third_party_packages)
}

fn universe(
    third_party_archive: &Repository,
    fetched: &Indices,
    architecture: Architecture,
    store: &Store,
) -> Result<Universe, ResolveError> {
    let mut texts = Vec::new();
    for index in &fetched.indices {
        texts.push((
            third_party_archive.name.clone(),
            Arc::from(store.read_text(&index.text)?),
        ));
    }
    Ok(Universe::new(texts, architecture)?)
}
