//! What went wrong, in words for a person and as an exit code for a program.

use crate::build::{BuildError, DiskError};
use crate::debian::keyring::KeyringError;
use crate::define::FolderError;
use crate::diag::Diagnostics;
use crate::fetch::{BadUrl, FetchError};
use crate::lock::LockError;
use crate::plan::StaleLock;
use crate::resolve::ResolveError;
use crate::sink::SinkError;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Wrong flags.
pub(super) const USAGE: u8 = 2;
/// After Ctrl-C, as shells count it: 128 and the number of the signal.
pub(super) const INTERRUPTED: i32 = 130;
/// EX_SOFTWARE of sysexits.h.
const BUG: i32 = 70;

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
    /// A folder of definitions cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// `--locked`, and there is no lock.
    #[error("there is no lock at `{}`; run `imgbuild lock`, or build without --locked", .0.display())]
    NoLock(PathBuf),
    /// The lock cannot be read.
    #[error("cannot use the lock `{}`", .path.display())]
    Lock {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The lock is of other packages.
    #[error(transparent)]
    Stale(#[from] StaleLock),
    /// Nothing says where Debian's archive is.
    #[error(
        "no Debian archive to fetch from is known; give --mirror URL, set IMGBUILD_MIRROR, or write \
         `mirror = \"URL\"` into {}", .configuration.display()
    )]
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
    #[error("cannot use the store `{}`; give another folder with --store", .path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// The machine's architecture is unknown.
    #[error("this machine's architecture cannot build images: expected amd64, arm64 or armhf")]
    Host,
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
    /// Standard output failed.
    #[error("cannot write to standard output")]
    Print(#[source] io::Error),
}

impl Failure {
    /// The documented exit code.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Diagnostics(_) | Self::Folder(_) => 1,
            Self::Usage(_) | Self::UserFile { .. } | Self::Mirror(_) => USAGE,
            Self::NoLock(_) | Self::Lock { .. } | Self::Stale(_) => 3,
            Self::NoMirror { .. } | Self::Keyring { .. } | Self::Client(_) | Self::Host => 4,
            Self::Resolve(error) => resolve_code(error),
            Self::Build(error) => build_code(error),
            Self::Store { .. } | Self::Sink(_) | Self::WriteLock { .. } | Self::Print(_) => 5,
        }
    }

    /// The whole chain of causes, each on its own line.
    pub(super) fn render(&self) -> String {
        if let Self::Diagnostics(diagnostics) = self {
            return diagnostics.to_text(super::environment::colour());
        }
        let mut text = format!("error: {self}\n");
        let mut cause = self.source();
        let mut said = self.to_string();
        while let Some(error) = cause {
            let words = error.to_string();
            // Transparent wrappers repeat the words of what they wrap.
            if words != said {
                let _ = writeln!(text, "  cause: {}", words.replace('\n', "\n    "));
            }
            said = words;
            cause = error.source();
        }
        text
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

fn resolve_code(error: &ResolveError) -> u8 {
    match error {
        ResolveError::Request(_) | ResolveError::Solve(_) | ResolveError::NoDonor { .. } => 1,
        ResolveError::Repository(_) | ResolveError::Index(_) => 4,
        ResolveError::Lock(_) | ResolveError::Store(_) => 5,
    }
}

fn build_code(error: &BuildError) -> u8 {
    match error {
        BuildError::Fetch(_) | BuildError::System(_) => 4,
        BuildError::Compose(_) => 1,
        BuildError::Disk(DiskError::Store(_)) => 5,
        BuildError::Disk(DiskError::WrongMachine { .. } | DiskError::FirmwareFault(_)) => 6,
        BuildError::Disk(_) => 1,
    }
}

/// A panic is a bug: says so, with the version, and ends with the code for it.
pub(super) fn install_panic_message() {
    let inner = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        inner(panic);
        let version = env!("CARGO_PKG_VERSION");
        super::progress::say(&format!(
            "imgbuild {version} has a bug; please report the lines above"
        ));
        super::signals::remove_unfinished();
        std::process::exit(BUG);
    }));
}
