//! Brings packages and blobs into the store.

use super::context::BuildContext;
use crate::apt::repository::RepositoryError;
use crate::define::board::{Blob, BlobSource};
use crate::event::{Stage, Work};
use crate::fetch::{BadUrl, Download, FetchError, Url};
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::store::Store;
use crate::units::Bytes;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The number of parallel downloads: enough to use the whole bandwidth, and few enough for any mirror.
const JOBS: NonZeroUsize = NonZeroUsize::new(6).expect("six is not zero");

/// Why a package or a blob could not be fetched.
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
    /// The lock does not have the package from which a blob is taken.
    #[error("the lock has no package `{package}` of archive `{repository}`; run `imgbuild lock`")]
    NotLocked {
        /// The package.
        package: String,
        /// The archive's suite.
        repository: String,
    },
    /// The package's address cannot be made.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A package could not be downloaded, or differs from the locked one.
    #[error("cannot fetch the packages")]
    Fetch(#[from] FetchError),
    /// A blob's address is not a URL.
    #[error("the address of a blob of the board cannot be used")]
    Address(#[from] BadUrl),
    /// A blob could not be downloaded, or has not the digest in the board's definition.
    #[error("cannot fetch blob `{blob}` of board `{board}`{}", .redistribution)]
    Blob {
        /// The blob.
        blob: String,
        /// The board.
        board: String,
        /// The reason why imgbuild does not ship it; empty if it may be shipped.
        redistribution: &'static str,
        /// The error of the download.
        source: Box<FetchError>,
    },
    /// The store's disk has too little free space.
    #[error("the disk of the store `{}` is full: the packages need {needed} bytes there and {free} are free", .folder.display(), needed = .needed.0, free = .free.0)]
    NoSpace {
        /// The store's folder.
        folder: PathBuf,
        /// The bytes that are still to be downloaded.
        needed: Bytes,
        /// The bytes that an ordinary user can still write there.
        free: Bytes,
    },
}

/// Downloads those of `packages` into the store that it does not have, and verifies them.
///
/// # Errors
///
/// The lock does not fit the archives, the store is full, or a package cannot be downloaded.
pub(super) fn fetch(
    packages: &[&LockedPackage],
    context: &BuildContext<'_>,
) -> Result<(), FetchStageError> {
    let store = context.store;
    let missing = (packages.iter()).filter(|package| !store.contains(&package.sha256));
    let downloads: Result<Vec<Download>, _> =
        missing.map(|package| download(package, context)).collect();
    let downloads = downloads?;
    if downloads.is_empty() {
        return Ok(());
    }
    transfer(&downloads, context)
}

/// Downloads the files from which the board's blobs are taken into the store, and verifies them by the digests in
/// the board's definition and in the lock.
///
/// # Errors
///
/// The lock lacks a package, an address is not a URL, or a file cannot be downloaded.
pub(super) fn fetch_blobs(plan: &Plan, context: &BuildContext<'_>) -> Result<(), FetchStageError> {
    let board = &plan.spec.board;
    for blob in &board.blobs {
        let Some(download) = blob_download(plan, blob)? else {
            continue;
        };
        if context.store.contains(&download.sha256) {
            continue;
        }
        let fetched = transfer(&[download], context);
        fetched.map_err(|error| match error {
            FetchStageError::Fetch(source) => FetchStageError::Blob {
                blob: blob.name.clone(),
                board: board.name.clone(),
                redistribution: match blob.redistributable {
                    true => "",
                    false => ", which nobody but its maker may hand out",
                },
                source: Box::new(source),
            },
            other => other,
        })?;
    }
    Ok(())
}

/// The download for `blob`; `None` if the blob is taken from a package of Debian or from a base image.
fn blob_download(plan: &Plan, blob: &Blob) -> Result<Option<Download>, FetchStageError> {
    Ok(match &blob.source {
        BlobSource::Download(wanted) => Some(Download {
            name: wanted.url.clone(),
            urls: vec![wanted.url.parse()?],
            size: wanted.size.0,
            sha256: wanted.sha256,
        }),
        BlobSource::Archive(wanted) => {
            let locked = plan.third_party_packages(wanted);
            let (package, archive) = locked.ok_or_else(|| FetchStageError::NotLocked {
                package: wanted.file.package.clone(),
                repository: plan.spec.board.archive(&wanted.archive).repository(),
            })?;
            let root: Url = archive.url.parse()?;
            Some(Download {
                name: format!("{} {}", package.name, package.version),
                urls: vec![root.join(&package.path)?],
                size: package.size,
                sha256: package.sha256,
            })
        }
        _ => None,
    })
}

fn transfer(downloads: &[Download], context: &BuildContext<'_>) -> Result<(), FetchStageError> {
    let total = downloads.iter().map(|download| download.size).sum();
    let (store, reporter) = (context.store, context.reporter);
    check_room(downloads, store)?;
    reporter.started(Stage::Fetch, Work::Bytes(Some(total)));
    (context.client).download_all(store, downloads, JOBS, reporter)?;
    reporter.finished(Stage::Fetch, false);
    Ok(())
}

/// Checks the free space of the store before a download begins that could take minutes.
fn check_room(downloads: &[Download], store: &Store) -> Result<(), FetchStageError> {
    let missing = |download: &Download| {
        let partial = fs_err::metadata(store.partial_path(&download.sha256));
        let begun = partial.map_or(0, |partial| partial.len());
        download.size.saturating_sub(begun)
    };
    let needed = Bytes(downloads.iter().map(missing).fold(0, u64::saturating_add));
    let free = store.free();
    if needed > free {
        return Err(FetchStageError::NoSpace {
            folder: store.root().to_owned(),
            needed,
            free,
        });
    }
    Ok(())
}

/// The download for `package`, from the archive that the lock names.
fn download(
    package: &LockedPackage,
    context: &BuildContext<'_>,
) -> Result<Download, FetchStageError> {
    let mut repositories = context.base.repositories.iter().chain(&context.base.tools);
    let repository = repositories.find(|repository| repository.name == package.repository);
    let repository = repository.ok_or_else(|| FetchStageError::NoRepository {
        package: package.name.clone(),
        repository: package.repository.clone(),
    })?;
    Ok(repository.download(package)?)
}
