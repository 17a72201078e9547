//! Why a base image cannot be had.

use crate::apt::keyring::{DetachedError, KeyringError};
use crate::base::input::InputError;
use crate::base::packing::PackingError;
use crate::base::sparse::Beyond;
use crate::digest::Sha256;
use crate::fetch::{BadUrl, FetchError};
use std::io;
use std::path::PathBuf;

/// Why a base image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// An address is not a URL.
    #[error(transparent)]
    Address(#[from] BadUrl),
    /// Nothing says what the file must be.
    #[error("nothing says what must lie at {url}; give its digest with --base-sha256")]
    NoProof {
        /// The address.
        url: String,
    },
    /// It did not come.
    #[error("cannot fetch base image `{name}`")]
    Fetch {
        /// The base.
        name: String,
        /// Why not.
        source: FetchError,
    },
    /// A local file cannot be read.
    #[error("cannot read base image `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: InputError,
    },
    /// It is another file.
    #[error("base image `{name}` is not genuine: expected sha256:{expected}, found sha256:{found}")]
    Digest {
        /// The base.
        name: String,
        /// What it must be.
        expected: Sha256,
        /// What it is.
        found: Sha256,
    },
    /// Nobody said where the key is.
    #[error(
        "base image `{name}` is signed by {}, and the board has no address of that key; give it in a file \
         with --base-key", .fingerprints.join(" or ")
    )]
    NoKey {
        /// The base.
        name: String,
        /// Whose signature counts.
        fingerprints: Vec<String>,
    },
    /// The key that came is another one.
    #[error("cannot use the key that signs base image `{name}`")]
    Key {
        /// The base.
        name: String,
        /// Why not.
        source: Box<KeyringError>,
    },
    /// The signature is not good.
    #[error("base image `{name}` is not genuine")]
    Signature {
        /// The base.
        name: String,
        /// Why not.
        source: Box<DetachedError>,
    },
    /// The signed list of sums does not speak of the file.
    #[error("the signed list of sums of base image `{name}` has no SHA-256 of `{file}`")]
    NotListed {
        /// The base.
        name: String,
        /// The file.
        file: String,
    },
    /// It cannot be unpacked.
    #[error("cannot unpack base image `{name}`")]
    Packing {
        /// The base.
        name: String,
        /// Why not.
        source: PackingError,
    },
    /// It is larger than it can be.
    #[error("cannot unpack base image `{name}`")]
    Beyond {
        /// The base.
        name: String,
        /// How much too large.
        source: Beyond,
    },
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
