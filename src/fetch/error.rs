//! Why an input could not be had, and what that means for the next attempt.

use super::Url;
use crate::digest::Sha256;
use reqwest::StatusCode;
use std::io;

/// Why an input could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client cannot be set up.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// A proxy cannot be used.
    #[error(
        "cannot use the proxy `{proxy}`: {reason}; expected http://HOST:PORT or https://HOST:PORT"
    )]
    Proxy {
        /// The setting, without a login.
        proxy: String,
        /// The reason.
        reason: String,
    },
    /// The input is not in the store and the network may not be used.
    #[error("`{name}` is not in the store and the build is offline; run once without --offline")]
    Offline {
        /// The name of the missing input.
        name: String,
    },
    /// The caller knows no address.
    #[error("no address is known for `{name}`")]
    NoAddress {
        /// The name of the missing input.
        name: String,
    },
    /// The server answered with a status that is not success.
    #[error("{url} answers {status}")]
    Status {
        /// The address.
        url: Url,
        /// The HTTP status.
        status: StatusCode,
    },
    /// The server did not answer, or its answer broke off.
    #[error("cannot fetch {url}; check the network, the mirror and the proxy")]
    Transfer {
        /// The address.
        url: Url,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The transfer is so slow that it would never end.
    #[error(
        "{url} has sent {received} bytes in {seconds} seconds, which would take for ever; try another mirror"
    )]
    TooSlow {
        /// The address.
        url: Url,
        /// The bytes that were received in that time.
        received: u64,
        /// The time.
        seconds: u64,
    },
    /// The server closed the connection too early.
    #[error("{url} ended after {received} of {expected} bytes")]
    CutOff {
        /// The address.
        url: Url,
        /// The expected length in bytes.
        expected: u64,
        /// The bytes that were received.
        received: u64,
    },
    /// A file without known size is larger than such a file ever is.
    #[error("{url} is larger than {limit} bytes, which nothing genuine of its kind is")]
    TooLarge {
        /// The address.
        url: Url,
        /// The limit.
        limit: u64,
    },
    /// The server has a file of another length.
    #[error("{url} has at least {found} bytes, expected {expected}: another version lies there")]
    Size {
        /// The address.
        url: Url,
        /// The pinned size.
        expected: u64,
        /// The length that the server announces or sends.
        found: u64,
    },
    /// The server has a file with another content.
    #[error("digest mismatch of {url}: expected sha256:{expected}, received sha256:{received}")]
    Digest {
        /// The address.
        url: Url,
        /// The pinned digest.
        expected: Sha256,
        /// The digest of the received file.
        received: Sha256,
    },
    /// A file of the store or of a `file:` address cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Why an attempt to fetch from one address failed, by what that means for further attempts.
pub(super) enum AttemptError {
    /// The address got further than in every earlier attempt, and may do so again.
    Progressed(FetchError),
    /// The address may work later.
    Transient(FetchError),
    /// The address will not work, another one may.
    Permanent(FetchError),
    /// The store failed, so no address helps.
    Local(io::Error),
}

impl AttemptError {
    /// The error of a transfer from `url` that broke off.
    pub(super) fn transfer(url: &Url, source: io::Error) -> Self {
        Self::Transient(FetchError::Transfer {
            url: url.clone(),
            source,
        })
    }
}
