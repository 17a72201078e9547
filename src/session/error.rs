//! Why a session cannot go on.

use crate::base::BaseError;
use crate::configure::ConfigureError;
use crate::fetch::FetchError;
use crate::pipeline::{BuildError, SystemError};
use crate::plan::StaleLock;
use crate::resolve::{ResolveError, ThirdPartyError};
use crate::sandbox::SandboxError;
use crate::sink::SinkError;
use crate::store::Store;
use crate::units::Bytes;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The boot loader of an image is asked for, and the board has one without; its name.
    #[error("board `{0}` takes no boot loader from a base image")]
    NeedlessLoader(String),
    /// The device is to configure packages at its first boot, and its root is made of packages alone.
    #[error(
        "configuring packages at the first boot needs an image to start from: a system made of packages alone \
         cannot start before they are configured"
    )]
    UnconfiguredBootstrap,
    /// Keys for a base image are given, and the board names none that is signed.
    #[error("keys of a base image go with one that the board names by the key that signs it")]
    NeedlessBaseKey,
    /// A lock that nobody named decides more than such a lock may.
    #[error("the lock was not named, and says that {0}")]
    FoundLock(String),
    /// The lock is of other packages.
    #[error(transparent)]
    Stale(#[from] StaleLock),
    /// Nothing says where Debian's archive is.
    #[error("no Debian archive to fetch from is known")]
    NoMirror,
    /// The store cannot be used.
    #[error("cannot use the store `{}`", .path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk that the store is on has no room left.
    #[error("the disk of the store `{}` is full: {free} bytes are free", .path.display(), free = .free.0)]
    Full {
        /// The store's folder.
        path: PathBuf,
        /// What is still free there.
        free: Bytes,
        /// What could not be done.
        source: Box<SessionError>,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// The machine's architecture is unknown.
    #[error("this machine's architecture cannot build images: expected amd64, arm64 or armhf")]
    Host,
    /// The base image cannot be built on.
    #[error(transparent)]
    Base(Box<BaseError>),
    /// An archive that the board names cannot be asked.
    #[error(transparent)]
    ThirdParty(#[from] ThirdPartyError),
    /// There is no lock to be had.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// There is no image to be had.
    #[error(transparent)]
    Build(Box<BuildError>),
    /// The image cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// A script that ran out of room says so in its own words; with less than this left, it did.
const NO_ROOM: Bytes = Bytes(1 << 20);

impl From<BaseError> for SessionError {
    fn from(error: BaseError) -> Self {
        Self::Base(Box::new(error))
    }
}

impl From<ResolveError> for SessionError {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(Box::new(error))
    }
}

impl From<BuildError> for SessionError {
    fn from(error: BuildError) -> Self {
        Self::Build(Box::new(error))
    }
}

impl SessionError {
    /// `store` cannot be used because of `source`.
    pub(super) fn store(store: &Store, source: io::Error) -> Self {
        Self::Store {
            path: store.root().to_owned(),
            source,
        }
    }

    /// The same, or [`SessionError::Full`] if it came of a full disk of `store`.
    pub(super) fn in_store(self, store: &Store) -> Self {
        let free = store.least_free();
        let configuring = match &self {
            Self::Build(error) => match &**error {
                BuildError::System(SystemError::Configure(error)) => Some(error),
                _ => None,
            },
            _ => None,
        };
        let full = match configuring {
            // The same error number says that there may be no more namespaces.
            Some(ConfigureError::Sandbox(SandboxError::NoNamespace { .. })) => false,
            // A script that ran out of room says so in its own words, or not at all.
            Some(_) => free < NO_ROOM || self.is_full_disk(),
            None => self.is_full_disk(),
        };
        if !full {
            return self;
        }
        Self::Full {
            path: store.root().to_owned(),
            free,
            source: Box::new(self),
        }
    }

    fn is_full_disk(&self) -> bool {
        let mut cause = self.source();
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(
                kind,
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            ) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
