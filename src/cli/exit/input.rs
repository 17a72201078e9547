//! The exit codes of errors of inputs: the choice of packages, archives, downloads and base images.

use super::codes::{DEFINITIONS, INPUT, OUTPUT, USAGE};
use crate::apt::repository::RepositoryError;
use crate::base::sparse::Beyond;
use crate::base::{AptError, BaseError, OpenError, SourceError};
use crate::fetch::FetchError;
use crate::resolve::ResolveError;
use std::io;

pub(super) fn resolve(error: &ResolveError) -> u8 {
    match error {
        ResolveError::Request(_) | ResolveError::Solve(_) | ResolveError::NoFilePackage { .. } => {
            DEFINITIONS
        }
        ResolveError::Repository(error) => repository(error),
        ResolveError::Index(_) => INPUT,
        ResolveError::Lock(_) | ResolveError::Store(_) => OUTPUT,
    }
}

pub(super) fn base(error: &BaseError) -> u8 {
    match error {
        BaseError::Source(error) => match error {
            SourceError::Address(_) | SourceError::NoProof { .. } | SourceError::NoKey { .. } => {
                USAGE
            }
            SourceError::Fetch { source, .. } => fetch(source),
            SourceError::File { .. }
            | SourceError::Digest { .. }
            | SourceError::Key { .. }
            | SourceError::Signature { .. }
            | SourceError::NotListed { .. }
            | SourceError::Packing { .. }
            | SourceError::Beyond {
                source: Beyond::Len(_),
                ..
            } => INPUT,
            SourceError::Beyond {
                source: Beyond::Room(_),
                ..
            }
            | SourceError::Store(_) => OUTPUT,
        },
        BaseError::Open(error) => match error {
            OpenError::Read(_) => OUTPUT,
            OpenError::Table(_)
            | OpenError::Bare { .. }
            | OpenError::NoRoot { .. }
            | OpenError::Foreign { .. }
            | OpenError::TwoRoots { .. }
            | OpenError::Ext4 { .. }
            | OpenError::Fat { .. }
            | OpenError::Mount { .. }
            | OpenError::Architecture { .. }
            | OpenError::File { .. }
            | OpenError::NoApt(_) => INPUT,
        },
        BaseError::Apt(
            AptError::Read { .. }
            | AptError::Preferences { .. }
            | AptError::NoArchive
            | AptError::Sources { .. }
            | AptError::Address { .. }
            | AptError::Flat { .. }
            | AptError::Keys { .. },
        ) => INPUT,
    }
}

pub(super) fn repository(error: &RepositoryError) -> u8 {
    match error {
        RepositoryError::Fetch(_, source) => fetch(source),
        RepositoryError::MidSync { source, .. } => fetch(source),
        RepositoryError::Address { .. }
        | RepositoryError::Release { .. }
        | RepositoryError::Suite { .. }
        | RepositoryError::FromTheFuture { .. }
        | RepositoryError::Expired { .. }
        | RepositoryError::Replayed { .. }
        | RepositoryError::NoIndex { .. }
        | RepositoryError::Compression { .. } => INPUT,
        RepositoryError::Store(_) => OUTPUT,
    }
}

pub(super) fn fetch(error: &FetchError) -> u8 {
    match error {
        // A `file:` address may name a file that does not exist. The other errors of files concern the store.
        FetchError::File(error) if error.kind() != io::ErrorKind::NotFound => OUTPUT,
        FetchError::File(_)
        | FetchError::Setup(_)
        | FetchError::Proxy { .. }
        | FetchError::TooSlow { .. }
        | FetchError::Offline { .. }
        | FetchError::NoAddress { .. }
        | FetchError::Status { .. }
        | FetchError::Transfer { .. }
        | FetchError::CutOff { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Size { .. }
        | FetchError::Digest { .. } => INPUT,
    }
}
