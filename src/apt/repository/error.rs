//! Why an archive cannot be used, and what to do about it.

use crate::apt::date::Utc;
use crate::apt::release::ReleaseError;
use crate::architecture::Architecture;
use crate::epoch::Epoch;
use crate::fetch::{BadUrl, FetchError};
use std::io;

/// Why an archive cannot be used. A `String` is the name of the repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// A suite or path cannot be part of an address.
    #[error("cannot make an address in `{0}`")]
    Address(String, #[source] BadUrl),
    /// A file could not be fetched.
    #[error("cannot fetch from `{0}`")]
    Fetch(String, #[source] FetchError),
    /// The fetched file is not genuine, or not a Release file.
    #[error("InRelease of `{0}` is refused")]
    Release(String, #[source] ReleaseError),
    /// The Release file is genuine, but of another suite.
    #[error("`{repository}` should be suite `{expected}`, but its InRelease is of {found}")]
    Suite {
        /// Name of the repository.
        repository: String,
        /// The suite that was requested.
        expected: String,
        /// Suite and codename found.
        found: String,
    },
    /// Its `Date` is in the future.
    #[error(
        "`{repository}` was made at {}, after now ({}); check the clock of this machine",
        Utc(*.date), Utc(*.now)
    )]
    FromTheFuture {
        /// Name of the repository.
        repository: String,
        /// Its `Date`.
        date: Epoch,
        /// The caller's time.
        now: Epoch,
    },
    /// Its `Valid-Until` is over.
    #[error(
        "`{repository}` was valid until {}, now is {}; the mirror is stale: take another one, or \
         allow expired archives",
        Utc(*.valid_until), Utc(*.now)
    )]
    Expired {
        /// Name of the repository.
        repository: String,
        /// Its `Valid-Until`.
        valid_until: Epoch,
        /// The caller's time.
        now: Epoch,
    },
    /// It is older than a state that was seen before.
    #[error(
        "`{repository}` is of {}, but was seen as of {} before; the mirror is stale or replays an \
         old state: take another one, or allow expired archives",
        Utc(*.date), Utc(*.newest)
    )]
    Replayed {
        /// Name of the repository.
        repository: String,
        /// Its `Date`.
        date: Epoch,
        /// The newest `Date` seen.
        newest: Epoch,
    },
    /// The archive has no such index.
    #[error(
        "`{repository}` has no package index of {component} for {architecture}; it has the \
         components {} and the architectures {}",
        .components.join(", "), .architectures.join(", ")
    )]
    NoIndex {
        /// Name of the repository.
        repository: String,
        /// The requested component.
        component: String,
        /// The requested architecture.
        architecture: Architecture,
        /// The components of the archive.
        components: Vec<String>,
        /// The architectures of the archive.
        architectures: Vec<String>,
    },
    /// The index is not the one that InRelease lists.
    #[error(
        "the index of `{repository}` (suite {suite}) for {architecture} is not the one that its \
         InRelease lists; the mirror is in the middle of a sync: try again later or take another"
    )]
    MidSync {
        /// Name of the repository.
        repository: String,
        /// Its suite.
        suite: String,
        /// The architecture.
        architecture: Architecture,
        /// The error of the download.
        #[source]
        source: Box<FetchError>,
    },
    /// A genuine index cannot be decompressed, or the text is not the one that InRelease lists.
    #[error("`{path}` of `{repository}` does not decompress to what InRelease lists")]
    Compression {
        /// Name of the repository.
        repository: String,
        /// The compressed index.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[from] io::Error),
}
