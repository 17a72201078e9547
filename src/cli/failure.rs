//! The failure of a command, in words for a person: the failure, its causes, and what to do.

use super::environment::{self, EnvironmentError};
use super::terminal::PrintError;
use crate::apt::keyring::KeyringError;
use crate::apt::repository::RepositoryError;
use crate::base::{BaseError, SourceError};
use crate::boot_test::BootTestError;
use crate::cache::CacheError;
use crate::configure::ConfigureError;
use crate::define::FolderError;
use crate::diag::{Diagnostics, Visible};
use crate::fetch::FetchError;
use crate::inspect::InspectError;
use crate::lock::LockError;
use crate::pipeline::{BuildError, FetchStageError, SystemError};
use crate::rebuild::RebuildError;
use crate::release::ReleaseError;
use crate::resolve::ResolveError;
use crate::sandbox::{Ending, SandboxError};
use crate::session::SessionError;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Every way in which a command can end badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Definitions or settings have mistakes.
    #[error(transparent)]
    Diagnostics(#[from] Diagnostics),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file that the user named cannot be read.
    #[error("cannot read `{}`", .path.display())]
    UserFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The environment cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A folder of definitions cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no lock, but `--lock` or `--locked` requires one.
    #[error("there is no lock at `{}`", .0.display())]
    NoLock(PathBuf),
    /// The file of the lock cannot be read.
    #[error("cannot read the lock `{}`", .path.display())]
    ReadLock {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file of the lock is not a lock.
    #[error("cannot use the lock `{}`", .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        source: LockError,
    },
    /// A lock that the user did not name decides more than it may.
    #[error(
        "the lock `{}` was found because it lies in the working directory, and says that {decision}",
        .path.display()
    )]
    FoundLock {
        /// The file.
        path: PathBuf,
        /// The decision that such a lock must not make.
        decision: String,
    },
    /// The file of a keyring is not a keyring.
    #[error("cannot use the keyring `{}`", .path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        source: KeyringError,
    },
    /// The session failed.
    #[error(transparent)]
    Session(Box<SessionError>),
    /// The lock cannot be written.
    #[error("cannot write the lock `{}`", .path.display())]
    WriteLock {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The image did not pass its test.
    #[error(transparent)]
    BootTest(#[from] BootTestError),
    /// The store cannot be listed, made smaller or checked, or objects were damaged.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The image, or the path in it, cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Standard output failed.
    #[error(transparent)]
    Print(#[from] PrintError),
}

impl Failure {
    /// Makes the failure for the user's file `path`, which cannot be read.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::UserFile { path, source }
    }

    /// The failure, every cause, and what to do, each on its own line.
    pub(super) fn render(&self) -> Visible {
        if let Self::Diagnostics(diagnostics) = self {
            return diagnostics.render(environment::colour());
        }
        let mut text = format!("error: {self}\n");
        let mut cause = self.source();
        let mut last = self.to_string();
        while let Some(error) = cause {
            let message = error.to_string();
            // A wrapper may have the same message as the error inside.
            if message != last {
                let lines = message.trim_end().replace('\n', "\n    ");
                text += &format!("  cause: {lines}\n");
            }
            last = message;
            cause = error.source();
        }
        if let Some(help) = self.help() {
            text += &format!("  help: {help}\n");
        }
        Visible::of(&text)
    }

    /// What a person can do, if the message of the error does not say it.
    fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoLock(_) => "run `imgbuild lock`, or build without --locked",
            Self::FoundLock { path, .. } => {
                let path = path.display();
                return Some(format!(
                    "`--lock {path}` takes it as it is; `imgbuild lock` makes it anew"
                ));
            }
            Self::Cache(CacheError::Store { .. } | CacheError::Kept { .. }) => {
                "the folder has to be yours, and writable for everything but listing; --store names another one"
            }
            Self::Session(error) => match &**error {
                SessionError::NoMirror => return Some(mirror_help()),
                error => session_help(error)?,
            },
            _ => return None,
        };
        Some(help.to_owned())
    }
}

fn mirror_help() -> String {
    let usual = || PathBuf::from("~/.config/imgbuild/config.toml");
    let configuration = environment::configuration_file().unwrap_or_else(usual);
    format!(
        "give --mirror URL, set IMGBUILD_MIRROR, or write `mirror = \"URL\"` into `{}`",
        configuration.display()
    )
}

/// What a person can do whose disk is full.
const MAKE_ROOM: &str = "make room there (`imgbuild cache gc --older-than 30d` removes what no build has used for a \
                         month), or give another folder with --store";

fn session_help(error: &SessionError) -> Option<&'static str> {
    Some(match error {
        SessionError::Store { .. } => "give another folder with --store",
        SessionError::Release(error) => return release_help(error),
        SessionError::Rebuild(error) => return rebuild_help(error),
        SessionError::Full { .. } => MAKE_ROOM,
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
    })
}

fn release_help(error: &ReleaseError) -> Option<&'static str> {
    Some(match error {
        ReleaseError::GivenSecrets(_) => {
            "leave it out, so that each device makes its own or its owner sets it; --allow-secrets makes a release \
             that is not for the public"
        }
        ReleaseError::FoundSecrets(_) => {
            "have each device make its own (`firstboot.d` in overlays/README.md); --allow-secrets makes a release \
             that is not for the public"
        }
        ReleaseError::NotEmpty(_) | ReleaseError::NotAFolder(_) => "give another --output",
        ReleaseError::NoParent(_)
        | ReleaseError::Make { .. }
        | ReleaseError::Write { .. }
        | ReleaseError::Sign(_)
        | ReleaseError::Minisign(_) => return None,
    })
}

fn rebuild_help(error: &RebuildError) -> Option<&'static str> {
    Some(match error {
        RebuildError::Manifest { .. } => {
            "give the manifest.json of its release with --manifest FILE"
        }
        RebuildError::NoManifest(_) => {
            "fetch manifest.json and the lock of the release of the image, and put them beside it, or name them with \
             --manifest FILE and --lock FILE"
        }
        RebuildError::Form { .. } | RebuildError::Version { .. } => {
            "verify the image by the imgbuild that made it; --sums-only compares checksums with any"
        }
        RebuildError::NoLock(_) | RebuildError::OtherLock { .. } => {
            "give the lock of the release with --lock FILE"
        }
        RebuildError::Secrets(_) => "give it with --secret KEY=@FILE, if you know it",
        RebuildError::BaseFile(_) => "give that file with --base FILE",
        RebuildError::BaseName { .. } => {
            "give the file this name, which is a part of what the image was made of"
        }
        RebuildError::Definitions { .. } => {
            "give the boards, profiles and overlays of its maker with --definitions DIR"
        }
        RebuildError::Lock { .. }
        | RebuildError::BuildId { .. }
        | RebuildError::Open { .. }
        | RebuildError::Read { .. }
        | RebuildError::File { .. }
        | RebuildError::Image { .. }
        | RebuildError::Statement(_)
        | RebuildError::Differs(_)
        | RebuildError::Sums(_) => return None,
    })
}

fn build_help(error: &BuildError) -> Option<&'static str> {
    let sandbox = match error {
        BuildError::Fetch(error) | BuildError::System(SystemError::Fetch(error)) => {
            return fetch_help(error);
        }
        BuildError::System(SystemError::Configure(ConfigureError::Sandbox(error))) => error,
        _ => return None,
    };
    Some(match sandbox {
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
    })
}

fn repository_help(error: &RepositoryError) -> Option<&'static str> {
    Some(match error {
        RepositoryError::Fetch(_, source) => return input_help(source),
        RepositoryError::Release { .. } => {
            "nothing of it is used; take another mirror, or name its own keys: for a mirror with --keyring \
             FILE, for a board's [[archive]] in the board's file"
        }
        RepositoryError::Expired { .. } | RepositoryError::Replayed { .. } => {
            "--allow-expired accepts it as it is"
        }
        _ => return None,
    })
}

fn base_help(error: &SourceError) -> Option<&'static str> {
    Some(match error {
        SourceError::Fetch { source, .. } => return input_help(source),
        SourceError::Digest { .. } | SourceError::Signature { .. } => {
            "nothing of it is used; fetch it again, or give the digest of the version that you mean"
        }
        SourceError::Key { .. } => {
            "check `fingerprints` and `keys` in the board's [[base]], or give the file of the key with --base-key"
        }
        _ => return None,
    })
}

fn fetch_help(error: &FetchStageError) -> Option<&'static str> {
    match error {
        FetchStageError::Fetch(error) => input_help(error),
        FetchStageError::Blob { source, .. } => blob_help(source),
        FetchStageError::Repository(error) => repository_help(error),
        FetchStageError::NoSpace { .. } => Some(MAKE_ROOM),
        FetchStageError::NoRepository { .. }
        | FetchStageError::NotLocked { .. }
        | FetchStageError::Address(_) => None,
    }
}

fn blob_help(error: &FetchError) -> Option<&'static str> {
    Some(match error {
        FetchError::Digest { .. } | FetchError::Size { .. } => {
            "nothing of it is used; what lies at this address is not what the board's definition or the lock names"
        }
        FetchError::Offline { .. } => {
            "it is kept in the store once it was fetched; a store of another machine may be copied"
        }
        _ => "look whether the address in the board's definition still leads anywhere",
    })
}

fn input_help(error: &FetchError) -> Option<&'static str> {
    Some(match error {
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
    })
}

impl From<RebuildError> for Failure {
    fn from(error: RebuildError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<SessionError> for Failure {
    /// A request that the user made by a flag is refused in a message that names the flag.
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NeedlessLoader(_) => {
                Self::Usage(format!("{error}; leave out --boot-loader-only"))
            }
            SessionError::NoLoader { ref bases, .. } => {
                let names = bases.iter().map(String::as_str).chain(["FILE"]);
                let flags = names.map(|name| format!("`--base {name} --boot-loader-only`"));
                let flags = flags.collect::<Vec<_>>().join(" or ");
                Self::Usage(format!(
                    "{error}: add {flags}, or --base alone to start from all of that image"
                ))
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
