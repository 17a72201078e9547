//! What went wrong, in words for a person: the failure, its causes, and what to do.

use super::exit;
use super::trial::TrialError;
use crate::apt::keyring::KeyringError;
use crate::apt::repository::RepositoryError;
use crate::base::{BaseError, SourceError};
use crate::define::FolderError;
use crate::diag::{Diagnostics, Visible};
use crate::fetch::{BadUrl, FetchError};
use crate::lock::LockError;
use crate::pipeline::{BuildError, FetchStageError, SystemError};
use crate::plan::StaleLock;
use crate::resolve::{ResolveError, ThirdPartyError};
use crate::sandbox::{Ending, SandboxError};
use crate::sink::SinkError;
use crate::store::Store;
use crate::units::Bytes;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Every way in which a command can end badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Definitions or settings are wrong; all that is wrong with them.
    #[error("{}", .0.to_text(false))]
    Diagnostics(Diagnostics),
    /// A flag or the configuration cannot be understood.
    #[error("{0}")]
    Usage(String),
    /// A file that the user named cannot be read.
    #[error("cannot read `{}`", .path.display())]
    UserFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder of definitions cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// `--locked`, and there is no lock.
    #[error("there is no lock at `{}`", .0.display())]
    NoLock(PathBuf),
    /// The lock is there, and cannot be read.
    #[error("cannot read the lock `{}`", .path.display())]
    ReadLock {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock is none.
    #[error("cannot use the lock `{}`", .path.display())]
    Lock {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The lock, which nobody named, decides more than it may.
    #[error(
        "the lock `{}` was found because it lies in the working directory, and says that {says}",
        .path.display()
    )]
    NearLock {
        /// Its file.
        path: PathBuf,
        /// What it must not decide.
        says: String,
    },
    /// The lock is of other packages.
    #[error(transparent)]
    Stale(#[from] StaleLock),
    /// Nothing says where Debian's archive is.
    #[error("no Debian archive to fetch from is known")]
    NoMirror {
        /// The user's configuration file.
        configuration: PathBuf,
    },
    /// The mirror's address is none.
    #[error(transparent)]
    Mirror(#[from] BadUrl),
    /// A keyring file is none.
    #[error("cannot use the keyring `{}`", .path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyringError,
    },
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
        source: Box<Failure>,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// The machine's architecture is unknown.
    #[error("this machine's architecture cannot build images: expected amd64, arm64 or armhf")]
    Host,
    /// The base image cannot be built on.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// An archive that the board names cannot be asked.
    #[error(transparent)]
    Lender(#[from] ThirdPartyError),
    /// There is no lock to be had.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// There is no image to be had.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The image cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The lock cannot be written.
    #[error("cannot write the lock `{}`", .path.display())]
    WriteLock {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The image did not pass its test.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// Standard output failed.
    #[error("cannot write to standard output")]
    Print(#[source] io::Error),
}

/// A script that ran out of room says so in its own words; with less than this left, it did.
const NO_ROOM: Bytes = Bytes(1 << 20);

impl Failure {
    /// The documented exit code.
    pub(super) fn exit_code(&self) -> u8 {
        exit::code(self)
    }

    /// Says so if this failed because the disk of `store` is full.
    pub(super) fn in_store(self, store: &Store) -> Self {
        let free = store.least_free();
        let full = match &self {
            // The same error number says that there may be no more namespaces.
            Self::Build(BuildError::System(SystemError::Sandbox(SandboxError::NoNamespace {
                ..
            }))) => false,
            // What ran out of room in there says so in its own words, or not at all.
            Self::Build(BuildError::System(SystemError::Sandbox(_))) => {
                free < NO_ROOM || self.is_full_disk()
            }
            _ => self.is_full_disk(),
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

    /// The failure, the whole chain of causes, and what to do, each on its own line.
    pub(super) fn render(&self) -> Visible {
        if let Self::Diagnostics(diagnostics) = self {
            return diagnostics.render(super::environment::colour());
        }
        let mut text = format!("error: {self}\n");
        let mut cause = self.source();
        let mut said = self.to_string();
        while let Some(error) = cause {
            let words = error.to_string();
            // Wrappers repeat the words of what they wrap.
            if words != said {
                let _ = writeln!(
                    text,
                    "  cause: {}",
                    words.trim_end().replace('\n', "\n    ")
                );
            }
            said = words;
            cause = error.source();
        }
        if let Some(help) = self.help() {
            let _ = writeln!(text, "  help: {help}");
        }
        Visible::of(&text)
    }

    /// What a person can do where the words of the error do not say it.
    fn help(&self) -> Option<String> {
        match self {
            Self::NoLock(_) => Some("run `imgbuild lock`, or build without --locked".to_owned()),
            Self::NearLock { path, .. } => Some(format!(
                "`--lock {}` takes it as it is; `imgbuild lock` makes it anew",
                path.display()
            )),
            Self::NoMirror { configuration } => Some(format!(
                "give --mirror URL, set IMGBUILD_MIRROR, or write `mirror = \"URL\"` into `{}`",
                configuration.display()
            )),
            Self::Store { .. } => Some("give another folder with --store".to_owned()),
            Self::Full { .. } => {
                Some("make room there, or give another folder with --store".to_owned())
            }
            Self::Resolve(ResolveError::Repository(error)) => repository_help(error),
            Self::Base(BaseError::Source(error)) => base_help(error),
            Self::Build(
                BuildError::Fetch(error) | BuildError::System(SystemError::Fetch(error)),
            ) => fetch_help(error),
            Self::Build(BuildError::System(SystemError::Sandbox(SandboxError::Script {
                ending: Ending::TimeLimit(_),
                ..
            }))) => Some(
                "nobody answers a script that asks; one that only needs longer gets it by --script-timeout SECONDS"
                    .to_owned(),
            ),
            Self::Build(BuildError::System(SystemError::Sandbox(SandboxError::NoNamespace {
                ..
            }))) => Some(
                "on top of an image (--base), `--configure first-boot` leaves the scripts to the device"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn repository_help(error: &RepositoryError) -> Option<String> {
    let help = match error {
        RepositoryError::Fetch { source, .. } => return input_help(source),
        RepositoryError::Release { .. } => {
            "nothing of it is used; take another mirror, or name its own keys: for a mirror with --keyring \
             FILE, for a board's [[archive]] in the board's file"
        }
        RepositoryError::Expired { .. } | RepositoryError::Replayed { .. } => {
            "--allow-expired accepts it as it is"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

fn base_help(error: &SourceError) -> Option<String> {
    let help = match error {
        SourceError::Fetch { source, .. } => return input_help(source),
        SourceError::Digest { .. } | SourceError::Signature { .. } => {
            "nothing of it is used; fetch it again, or give the digest of the version that you mean"
        }
        SourceError::Key { .. } => {
            "check `fingerprints` and `keys` in the board's [[base]], or give the file of the key with --base-key"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

fn fetch_help(error: &FetchStageError) -> Option<String> {
    match error {
        FetchStageError::Fetch(error) => input_help(error),
        FetchStageError::Blob { source, .. } => blob_help(source),
        FetchStageError::Repository(error) => repository_help(error),
        FetchStageError::NoSpace { .. } => {
            Some("make room there, or give another folder with --store".to_owned())
        }
        FetchStageError::NoRepository { .. }
        | FetchStageError::NotLent { .. }
        | FetchStageError::Address(_) => None,
    }
}

fn blob_help(error: &FetchError) -> Option<String> {
    let help = match error {
        FetchError::Digest { .. } | FetchError::Size { .. } => {
            "nothing of it is used; what lies at this address is not what the board's definition or the lock names"
        }
        FetchError::Offline { .. } => {
            "it is kept in the store once it was fetched; a store of another machine may be copied"
        }
        _ => "look whether the address in the board's definition still leads anywhere",
    };
    Some(help.to_owned())
}

fn input_help(error: &FetchError) -> Option<String> {
    let help = match error {
        FetchError::Status { .. } => {
            "check the address of the mirror; it may be in the middle of a sync, or the lock may be \
             older than what it keeps: try again later, run `imgbuild lock`, or give another --mirror"
        }
        FetchError::Digest { .. } | FetchError::Size { .. } => {
            "nothing of it is used. Where the mirror is in the middle of a sync or damaged, try again later, or \
             give another --mirror; where a lock names the digest of another file, because it was edited or \
             belongs to another archive, run `imgbuild lock` to make it anew"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}
