//! The errors of making a lock.

use crate::apt::index::IndexError;
use crate::apt::repository::RepositoryError;
use crate::apt::solve::{NotARequest, SolveError};
use crate::lock::LockError;
use std::io;

/// An error: no lock can be made.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// An archive cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// An index of packages cannot be read.
    #[error("cannot read an index of packages")]
    Index(#[from] IndexError),
    /// A definition asks for something that is not a package.
    #[error(transparent)]
    Request(#[from] NotARequest),
    /// The packages cannot be installed together.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// No archive has a package whose files the board uses.
    #[error("package `{name}`, whose files the board uses, is in none of {}", .repositories.join(", "))]
    NoFilePackage {
        /// The package.
        name: String,
        /// The repositories that were searched.
        repositories: Vec<String>,
    },
    /// A lock in the store cannot be read.
    #[error("a lock in the store cannot be read")]
    Lock(#[from] LockError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
