//! Brings packages and blobs into the store.

use super::context::BuildContext;
use crate::apt::repository::RepositoryError;
use crate::define::board::{ArchiveFile, Blob, BlobSource};
use crate::event::{Event, Stage, Work};
use crate::fetch::{BadUrl, Download, FetchError, Url};
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::store::Store;
use crate::units::Bytes;
use std::num::NonZeroUsize;
use std::path::PathBuf;

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
    /// The lock has nothing of what a blob is taken from.
    #[error("the lock has no package `{package}` of archive `{repository}`; run `imgbuild lock`")]
    NotLent {
        /// The package.
        package: String,
        /// The archive's suite.
        repository: String,
    },
    /// Its address cannot be made.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// It did not come, or is not what was locked.
    #[error("cannot fetch the packages")]
    Fetch(#[from] FetchError),
    /// A blob's address is not a URL.
    #[error("the address of a blob of the board cannot be used")]
    Address(#[from] BadUrl),
    /// A blob did not come, or is not what the board says.
    #[error("cannot fetch blob `{blob}` of board `{board}`{}", .redistribution)]
    Blob {
        /// The blob.
        blob: String,
        /// The board.
        board: String,
        /// Why it is fetched at all.
        redistribution: &'static str,
        /// Why it did not come.
        source: Box<FetchError>,
    },
    /// The store's disk has no room for them.
    #[error("the disk of the store `{}` is full: the packages need {needed} bytes there and {free} are free", .folder.display(), needed = .needed.0, free = .free.0)]
    NoSpace {
        /// The store's folder.
        folder: PathBuf,
        /// Bytes to be fetched.
        needed: Bytes,
        /// Bytes that an ordinary user can still write there.
        free: Bytes,
    },
}

/// Brings every one of `packages` into the store, verified.
pub(crate) fn fetch(
    packages: &[&LockedPackage],
    context: &BuildContext<'_>,
) -> Result<(), FetchStageError> {
    let store = context.store;
    let missing = packages
        .iter()
        .filter(|package| !store.contains(&package.sha256));
    let download = |package| download(package, context);
    let downloads = missing
        .map(|package| download(package))
        .collect::<Result<Vec<_>, _>>()?;
    if downloads.is_empty() {
        return Ok(());
    }
    transfer(&downloads, context)
}

/// Brings what the board's blobs are made of into the store, verified by the digests in the board's
/// definition and in the lock.
pub(crate) fn fetch_blobs(plan: &Plan, context: &BuildContext<'_>) -> Result<(), FetchStageError> {
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

/// What `blob` is fetched as, if it comes neither from Debian nor from a base image.
fn blob_download(plan: &Plan, blob: &Blob) -> Result<Option<Download>, FetchStageError> {
    Ok(match &blob.source {
        BlobSource::Download(wanted) => Some(Download {
            name: wanted.url.clone(),
            urls: vec![wanted.url.parse()?],
            size: wanted.size.0,
            sha256: wanted.sha256,
        }),
        BlobSource::Archive(wanted) => {
            let (package, third_party_archive) = plan
                .third_party_packages(wanted)
                .ok_or_else(|| not_lent(plan, wanted))?;
            let root: Url = third_party_archive.url.parse()?;
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

fn not_lent(plan: &Plan, wanted: &ArchiveFile) -> FetchStageError {
    FetchStageError::NotLent {
        package: wanted.file.package.clone(),
        repository: plan.spec.board.archive(&wanted.archive).repository(),
    }
}

fn transfer(downloads: &[Download], context: &BuildContext<'_>) -> Result<(), FetchStageError> {
    let total = downloads.iter().map(|download| download.size).sum();
    let (store, reporter) = (context.store, context.reporter);
    check_room(downloads, store)?;
    reporter.report(Event::Started {
        stage: Stage::Fetch,
        work: Work::Bytes(Some(total)),
    });
    context
        .client
        .download_all(store, downloads, JOBS, reporter)?;
    reporter.report(Event::Finished {
        stage: Stage::Fetch,
        memoized: false,
    });
    Ok(())
}

/// Says before minutes are spent that the packages will not fit.
fn check_room(downloads: &[Download], store: &Store) -> Result<(), FetchStageError> {
    let begun = |download: &Download| {
        let partial = fs_err::metadata(store.partial_path(&download.sha256));
        partial.map_or(0, |partial| partial.len())
    };
    let missing = |download: &Download| download.size.saturating_sub(begun(download));
    let needed = Bytes(downloads.iter().map(missing).fold(0, u64::saturating_add));
    let free = store.free();
    if needed > free {
        let folder = store.root().to_owned();
        return Err(FetchStageError::NoSpace {
            folder,
            needed,
            free,
        });
    }
    Ok(())
}

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
