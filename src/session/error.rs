//! The errors of a session.

use crate::base::BaseError;
use crate::configure::ConfigureError;
use crate::fetch::FetchError;
use crate::pipeline::{BuildError, SystemError};
use crate::plan::StaleLock;
use crate::rebuild::RebuildError;
use crate::release::ReleaseError;
use crate::resolve::{ResolveError, ThirdPartyError};
use crate::sandbox::SandboxError;
use crate::sink::{SinkError, is_full};
use crate::store::Store;
use crate::units::Bytes;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// The error that ends a step of a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The boot loader of a base image was requested for this board, whose boot loader comes from packages.
    #[error("board `{0}` takes no boot loader from a base image")]
    NeedlessLoader(String),
    /// No image was given that the board's boot loader could be taken from.
    #[error("board `{board}` needs the boot loader of another image")]
    NoLoader {
        /// The board.
        board: String,
        /// The names of the images for it.
        bases: Vec<String>,
    },
    /// The device shall configure its packages in the first boot, but its root is made of packages alone.
    #[error(
        "configuring packages at the first boot needs an image to start from: a system made of packages alone \
         cannot start before they are configured"
    )]
    UnconfiguredBootstrap,
    /// Keys for a base image were given, but the base image is not one that a key signs.
    #[error("keys of a base image go with one that the board names by the key that signs it")]
    NeedlessBaseKey,
    /// A lock that the user did not name decides more than such a lock may.
    #[error("the lock was not named, and says that {0}")]
    FoundLock(String),
    /// The lock was made for other packages.
    #[error(transparent)]
    Stale(#[from] StaleLock),
    /// No mirror of Debian's archive is known.
    #[error("no Debian archive to fetch from is known")]
    NoMirror,
    /// The store cannot be used.
    #[error("cannot use the store `{}`", .path.display())]
    Store {
        /// The folder of the store.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The disk that the store is on has no room left.
    #[error("the disk of the store `{}` is full: {free} bytes are free", .path.display(), free = .free.0)]
    Full {
        /// The store's folder.
        path: PathBuf,
        /// The bytes that are still free there.
        free: Bytes,
        /// The step that failed.
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
    /// An archive that the board names has no usable address or key.
    #[error(transparent)]
    ThirdParty(#[from] ThirdPartyError),
    /// The lock cannot be made.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// The image cannot be built.
    #[error(transparent)]
    Build(Box<BuildError>),
    /// The image cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The release is refused, or cannot be written.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The published image cannot be built again, or is another one.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
}

/// If a script failed while less than this was free, a full disk is the cause. The script itself reports that
/// in its own words only.
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
    /// The error for a `store` that cannot be used because of `source`.
    pub(super) fn store(store: &Store, source: io::Error) -> Self {
        Self::Store {
            path: store.root().to_owned(),
            source,
        }
    }

    /// This error, inside of [`SessionError::Full`] if a full disk of `store` caused it.
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
            // The kernel uses ENOSPC also for the limit on the number of namespaces.
            Some(ConfigureError::Sandbox(SandboxError::NoNamespace { .. })) => false,
            // The error number of a failed write inside a script does not reach this process.
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
        let mut causes = std::iter::successors(self.source(), |error| (*error).source());
        causes.any(|error| error.downcast_ref().is_some_and(is_full))
    }
}
