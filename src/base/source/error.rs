//! The errors of fetching, verifying and unpacking a base image.

use crate::apt::keyring::{DetachedError, KeyringError};
use crate::base::input::InputError;
use crate::base::packing::PackingError;
use crate::base::sparse::Beyond;
use crate::digest::Sha256;
use crate::fetch::{BadUrl, FetchError};
use std::io;
use std::path::PathBuf;

/// Why a base image cannot be fetched, verified or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// An address is not a URL.
    #[error(transparent)]
    Address(#[from] BadUrl),
    /// There is neither a digest nor a signature of the file.
    #[error("the digest of {url} is not known; give it with --base-sha256")]
    NoProof {
        /// The address.
        url: String,
    },
    /// It cannot be fetched.
    #[error("cannot fetch base image `{name}`")]
    Fetch {
        /// The name of the base image.
        name: String,
        /// The cause.
        source: FetchError,
    },
    /// A local file cannot be read.
    #[error("cannot read base image `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: InputError,
    },
    /// It has another digest than expected.
    #[error("base image `{name}` is not genuine: expected sha256:{expected}, found sha256:{found}")]
    Digest {
        /// The name of the base image.
        name: String,
        /// The expected digest.
        expected: Sha256,
        /// The digest of the file.
        found: Sha256,
    },
    /// There is neither a file nor an address of the key.
    #[error(
        "base image `{name}` is signed by {}, and the board has no address of that key; give it in a file \
         with --base-key", .fingerprints.join(" or ")
    )]
    NoKey {
        /// The name of the base image.
        name: String,
        /// The fingerprints of the keys that may sign it.
        fingerprints: Vec<String>,
    },
    /// The key cannot be used, or is another one.
    #[error("cannot use the key that signs base image `{name}`")]
    Key {
        /// The name of the base image.
        name: String,
        /// The cause.
        source: Box<KeyringError>,
    },
    /// The signature is not good.
    #[error("base image `{name}` is not genuine")]
    Signature {
        /// The name of the base image.
        name: String,
        /// The cause.
        source: Box<DetachedError>,
    },
    /// The signed list of sums does not have the file.
    #[error("the signed list of sums of base image `{name}` has no SHA-256 of `{file}`")]
    NotListed {
        /// The name of the base image.
        name: String,
        /// The file.
        file: String,
    },
    /// It cannot be unpacked.
    #[error("cannot unpack base image `{name}`")]
    Packing {
        /// The name of the base image.
        name: String,
        /// The cause.
        source: PackingError,
    },
    /// It exceeds a limit of size.
    #[error("cannot unpack base image `{name}`")]
    Beyond {
        /// The name of the base image.
        name: String,
        /// The limit.
        source: Beyond,
    },
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
