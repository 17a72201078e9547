//! Base images: foreign disks from which a build starts.
//!
//! ```text
//! source (input, packing, sparse)   the file: fetched or local, verified, unpacked into the store
//! open (fstab)               the disk: its partitions, its root filesystem, what that mounts
//! apt                        the root: its archives and keys
//! regulatory                 the root: the rules of radio that its kernel believes
//! ```

pub mod apt;
pub mod fstab;
pub mod input;
mod mounts;
pub mod open;
pub mod packing;
pub mod regulatory;
pub mod source;
pub mod sparse;

pub use apt::AptError;
pub use open::{Format, OpenError, Opened};
pub use regulatory::RegulatoryError;
pub use source::{Source, SourceError};

/// Why a base image cannot be built on.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It cannot be read, or holds nothing that could be built on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its archives cannot be used.
    #[error(transparent)]
    Apt(#[from] AptError),
}
