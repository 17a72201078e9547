//! Brings packages into the store.

use super::Workshop;
use crate::debian::repository::{Repository, RepositoryError};
use crate::event::{Event, Stage};
use crate::fetch::{Download, FetchError};
use crate::lock::LockedPackage;
use std::num::NonZeroUsize;

/// Downloads at once: enough to fill a line, few enough for any mirror.
const JOBS: NonZeroUsize = NonZeroUsize::new(6).expect("six is not zero");

/// Why a package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchStageError {
    /// The lock names an archive that the board does not use.
    #[error(
        "package `{package}` is locked to archive `{repository}`, which the board's suite does not have; run `imgbuild lock`"
    )]
    NoRepository {
        /// The package.
        package: String,
        /// The archive in the lock.
        repository: String,
    },
    /// Its address cannot be made.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// It did not come, or is not what was locked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Brings every one of `packages` into the store, verified.
pub(super) fn fetch(
    packages: &[&LockedPackage],
    workshop: &Workshop<'_>,
) -> Result<(), FetchStageError> {
    let store = workshop.store;
    let missing = packages
        .iter()
        .filter(|package| !store.contains(&package.sha256));
    let download = |package| download(package, workshop.repositories);
    let downloads = missing
        .map(|package| download(package))
        .collect::<Result<Vec<_>, _>>()?;
    if downloads.is_empty() {
        return Ok(());
    }
    let total = downloads.iter().map(|download| download.size).sum();
    let reporter = workshop.reporter;
    reporter.report(Event::Started {
        stage: Stage::Fetch,
        total,
        bytes: true,
    });
    workshop
        .client
        .download_all(store, &downloads, JOBS, reporter)?;
    reporter.report(Event::Finished {
        stage: Stage::Fetch,
        memoized: false,
    });
    Ok(())
}

fn download(
    package: &LockedPackage,
    repositories: &[Repository],
) -> Result<Download, FetchStageError> {
    let repository = repositories
        .iter()
        .find(|repository| repository.name == package.repository);
    let repository = repository.ok_or_else(|| FetchStageError::NoRepository {
        package: package.name.clone(),
        repository: package.repository.clone(),
    })?;
    Ok(repository.download(package)?)
}
