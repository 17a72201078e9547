//! Why an archive cannot be used, and what to do about it.

use crate::apt::date::Utc;
use crate::apt::release::ReleaseError;
use crate::architecture::Architecture;
use crate::epoch::Epoch;
use crate::fetch::{BadUrl, FetchError};
use std::io;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// A suite or path that cannot be part of an address.
    #[error("cannot make an address in `{repository}`")]
    Address {
        /// Name of the repository.
        repository: String,
        /// What is wrong with it.
        #[source]
        source: BadUrl,
    },
    /// Nothing came.
    #[error("cannot fetch from `{repository}`")]
    Fetch {
        /// Name of the repository.
        repository: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// What came is not genuine, or not a Release.
    #[error("InRelease of `{repository}` is refused")]
    Release {
        /// Name of the repository.
        repository: String,
        /// Why.
        #[source]
        source: ReleaseError,
    },
    /// A good signature, over another suite.
    #[error("`{repository}` should be suite `{expected}`, but its InRelease is of {found}")]
    Suite {
        /// Name of the repository.
        repository: String,
        /// What was asked for.
        expected: String,
        /// Suite and codename found.
        found: String,
    },
    /// Its `Date` is still to come.
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
    /// Past its `Valid-Until`.
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
    /// Older than what was seen before.
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
    /// It has no such index.
    #[error(
        "`{repository}` has no package index of {component} for {architecture}; it has the \
         components {} and the architectures {}",
        .components.join(", "), .architectures.join(", ")
    )]
    NoIndex {
        /// Name of the repository.
        repository: String,
        /// The component asked for.
        component: String,
        /// The architecture asked for.
        architecture: Architecture,
        /// What it has.
        components: Vec<String>,
        /// What it has.
        architectures: Vec<String>,
    },
    /// InRelease and index do not fit each other.
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
        /// What the mirror did.
        #[source]
        source: Box<FetchError>,
    },
    /// A genuine index that cannot be decompressed, or not to what InRelease lists.
    #[error("`{path}` of `{repository}` does not decompress to what InRelease lists")]
    Compression {
        /// Name of the repository.
        repository: String,
        /// The compressed index.
        path: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The store.
    #[error("{0}")]
    Store(#[from] io::Error),
}
