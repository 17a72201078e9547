//! What went wrong, in words for a person: the failure, its causes, and what to do.

use super::environment::{self, EnvironmentError};
use super::terminal::PrintError;
use crate::apt::keyring::KeyringError;
use crate::apt::repository::RepositoryError;
use crate::base::{BaseError, SourceError};
use crate::boot_test::BootTestError;
use crate::configure::ConfigureError;
use crate::define::FolderError;
use crate::diag::{Diagnostics, Visible};
use crate::fetch::FetchError;
use crate::lock::LockError;
use crate::pipeline::{BuildError, FetchStageError, SystemError};
use crate::resolve::ResolveError;
use crate::sandbox::{Ending, SandboxError};
use crate::session::SessionError;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Every way in which a command can end badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Definitions or settings are wrong; all that is wrong with them.
    #[error("{}", .0.to_text(false))]
    Diagnostics(Diagnostics),
    /// A flag cannot be understood.
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
    /// The environment cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
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
    /// The file of the lock is not a lock.
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
    FoundLock {
        /// Its file.
        path: PathBuf,
        /// What it must not decide.
        says: String,
    },
    /// The file of a keyring is not a keyring.
    #[error("cannot use the keyring `{}`", .path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyringError,
    },
    /// There is no lock, no plan or no image to be had.
    #[error(transparent)]
    Session(Box<SessionError>),
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
    BootTest(#[from] BootTestError),
    /// Standard output failed.
    #[error(transparent)]
    Print(#[from] PrintError),
}

impl Failure {
    /// The file `path` of the user's cannot be read because of an error.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::UserFile { path, source }
    }

    /// The failure, the whole chain of causes, and what to do, each on its own line.
    pub(super) fn render(&self) -> Visible {
        if let Self::Diagnostics(diagnostics) = self {
            return diagnostics.render(environment::colour());
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
            Self::FoundLock { path, .. } => Some(format!(
                "`--lock {}` takes it as it is; `imgbuild lock` makes it anew",
                path.display()
            )),
            Self::Session(error) => session_help(error),
            _ => None,
        }
    }
}

fn session_help(error: &SessionError) -> Option<String> {
    let help = match error {
        SessionError::NoMirror => {
            let usual = || PathBuf::from("~/.config/imgbuild/config.toml");
            let configuration = environment::configuration_file().unwrap_or_else(usual);
            return Some(format!(
                "give --mirror URL, set IMGBUILD_MIRROR, or write `mirror = \"URL\"` into `{}`",
                configuration.display()
            ));
        }
        SessionError::Store { .. } => "give another folder with --store",
        SessionError::Full { .. } => "make room there, or give another folder with --store",
        SessionError::Resolve(error) => match &**error {
            ResolveError::Repository(error) => return repository_help(error),
            _ => return None,
        },
        SessionError::Base(error) => match &**error {
            BaseError::Source(error) => return base_help(error),
            _ => return None,
        },
        SessionError::Build(error) => return build_help(error),
        _ => return None,
    };
    Some(help.to_owned())
}

fn build_help(error: &BuildError) -> Option<String> {
    let sandbox = match error {
        BuildError::Fetch(error) | BuildError::System(SystemError::Fetch(error)) => {
            return fetch_help(error);
        }
        BuildError::System(SystemError::Configure(ConfigureError::Sandbox(error))) => error,
        _ => return None,
    };
    let help = match sandbox {
        SandboxError::Script {
            ending: Ending::TimeLimit(_),
            ..
        } => {
            "nobody answers a script that asks; one that only needs longer gets it by --script-timeout SECONDS"
        }
        SandboxError::NoNamespace { .. } => {
            "on top of an image (--base), `--configure first-boot` leaves the scripts to the device"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

fn repository_help(error: &RepositoryError) -> Option<String> {
    let help = match error {
        RepositoryError::Fetch(_, source) => return input_help(source),
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
        | FetchStageError::NotLocked { .. }
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

impl From<SessionError> for Failure {
    /// What was asked for by flags is refused in the words of flags.
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NeedlessLoader(_) => {
                Self::Usage(format!("{error}; leave out --boot-loader-only"))
            }
            SessionError::UnconfiguredBootstrap => {
                let words = "`--configure first-boot` needs an image to start from (--base): a system made of \
                             packages alone cannot start before they are configured";
                Self::Usage(words.to_owned())
            }
            SessionError::NeedlessBaseKey => {
                let words =
                    "`--base-key` goes with a --base that the board names by the key that signs it";
                Self::Usage(words.to_owned())
            }
            error => Self::Session(Box::new(error)),
        }
    }
}
