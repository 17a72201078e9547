//! Why an input could not be had, and what that means for the next attempt.

use super::Url;
use crate::digest::Sha256;
use reqwest::StatusCode;
use std::io;

/// Why an input could not be had.
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
        /// What was set, without a login.
        proxy: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is not in the store and the network is off.
    #[error("`{name}` is not in the store and the build is offline; run once without --offline")]
    Offline {
        /// What is missing.
        name: String,
    },
    /// The caller knows no address.
    #[error("no address is known for `{name}`")]
    NoAddress {
        /// What is missing.
        name: String,
    },
    /// The server answered, but not with the input.
    #[error("{url} answers {status}")]
    Status {
        /// The address.
        url: Url,
        /// The HTTP status.
        status: StatusCode,
    },
    /// No answer, or one that broke off.
    #[error("cannot fetch {url}; check the network, the mirror and the proxy")]
    Transfer {
        /// The address.
        url: Url,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// It would take for ever.
    #[error(
        "{url} has sent {came} bytes in {seconds} seconds, which would take for ever; try another mirror"
    )]
    TooSlow {
        /// The address.
        url: Url,
        /// Bytes that came in that time.
        came: u64,
        /// The time.
        seconds: u64,
    },
    /// The server closed the connection too early.
    #[error("{url} ended after {received} of {expected} bytes")]
    CutOff {
        /// The address.
        url: Url,
        /// Bytes to come.
        expected: u64,
        /// Bytes that came.
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
        /// What the server announces or sends.
        found: u64,
    },
    /// The server has a file with another content.
    #[error("digest mismatch of {url}: expected sha256:{expected}, received sha256:{received}")]
    Digest {
        /// The address.
        url: Url,
        /// The pinned digest.
        expected: Sha256,
        /// What came.
        received: Sha256,
    },
    /// The store, or a `file:` input.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// What an error means for the next attempt.
pub(super) enum Trouble {
    /// The same address got further than ever before, and may do so again.
    Advanced(FetchError),
    /// The same address may do later.
    Passing(FetchError),
    /// This address will not do, another may.
    Lasting(FetchError),
    /// The store failed; no address helps.
    Ours(io::Error),
}

/// What a failed transfer of `url` means.
pub(super) fn transfer(url: &Url, source: io::Error) -> Trouble {
    Trouble::Passing(FetchError::Transfer {
        url: url.clone(),
        source,
    })
}
