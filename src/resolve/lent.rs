//! Packages of archives with keys of their own, which lend files to the blobs of a board. Each is
//! pinned by a signed index as Debian's are; none is installed, and none decides what else is.

use super::{ResolveError, pinned, text};
use crate::architecture::Architecture;
use crate::debian::keyring::{Keyring, KeyringError};
use crate::debian::repository::{Freshness, Indices, Repository};
use crate::debian::solve::Universe;
use crate::define::board::{Archive, Board};
use crate::fetch::BadUrl;
use crate::lock::LockedPackage;
use crate::spec::Spec;
use crate::store::Store;
use std::sync::Arc;

/// Why an archive that a board names cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum LenderError {
    /// Its key is none, or another one.
    #[error("cannot use the key of archive `{archive}`")]
    Key {
        /// The board's name for it.
        archive: String,
        /// Why not.
        source: KeyringError,
    },
    /// Its address is none.
    #[error("cannot use the address of archive `{archive}`")]
    Address {
        /// The board's name for it.
        archive: String,
        /// Why not.
        source: BadUrl,
    },
}

/// The archives that lend files to blobs of `board`.
pub fn lenders(board: &Board, freshness: Freshness) -> Result<Vec<Repository>, LenderError> {
    let lent = board.lent();
    let lends = |archive: &&Archive| lent.iter().any(|(name, _)| *name == archive.name);
    let lenders = board.archives.iter().filter(lends);
    lenders.map(|archive| lender(archive, freshness)).collect()
}

/// `archive`, by no other key than the one that its board names.
pub fn lender(archive: &Archive, freshness: Freshness) -> Result<Repository, LenderError> {
    let key = Keyring::parse(archive.key.value.as_bytes());
    let keyring = key.and_then(|ring| ring.only(&archive.fingerprint));
    let url = archive.url.parse().map_err(|source| LenderError::Address {
        archive: archive.name.clone(),
        source,
    })?;
    Ok(Repository {
        name: archive.repository(),
        base_urls: vec![url],
        suite: archive.suite.clone(),
        components: archive.components.clone(),
        keyring: keyring.map_err(|source| LenderError::Key {
            archive: archive.name.clone(),
            source,
        })?,
        freshness,
    })
}

/// The newest of each package that `spec` borrows files of, from the `lenders` as `fetched`.
pub(super) fn choose(
    spec: &Spec,
    lenders: &[Repository],
    fetched: &[Indices],
    store: &Store,
) -> Result<Vec<LockedPackage>, ResolveError> {
    let mut lent = Vec::new();
    for (lender, indices) in lenders.iter().zip(fetched) {
        let universe = universe(lender, indices, spec.board.architecture, store)?;
        for (_, name) in (spec.board.lent().into_iter())
            .filter(|(archive, _)| spec.board.archive(archive).repository() == lender.name)
        {
            let package = universe.named(name).next();
            let package = package.ok_or_else(|| ResolveError::NoDonor {
                name: name.to_owned(),
                repositories: vec![lender.name.clone()],
            })?;
            lent.push(pinned(&package));
        }
    }
    Ok(lent)
}

fn universe(
    lender: &Repository,
    fetched: &Indices,
    architecture: Architecture,
    store: &Store,
) -> Result<Universe, ResolveError> {
    let mut texts = Vec::new();
    for index in &fetched.indices {
        texts.push((lender.name.clone(), Arc::from(text(store, &index.text)?)));
    }
    Ok(Universe::new(texts, architecture)?)
}
