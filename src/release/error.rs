//! Why a release is refused or cannot be written.

use super::minisign::MinisignError;
use super::sign::SignError;
use crate::inventory::FoundSecret;
use std::io;
use std::path::PathBuf;

/// Why a release is refused or cannot be written. No folder of the name exists then that did not exist before.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The folder has something in it.
    #[error("the folder `{}` is not empty: expected a new or an empty folder for a release", .0.display())]
    NotEmpty(PathBuf),
    /// The path is something else than a folder.
    #[error("`{}` cannot be the folder of a release: expected the name of a new or an empty folder", .0.display())]
    NotAFolder(PathBuf),
    /// There is no folder to make the release in.
    #[error("there is no folder `{}` to make the release in; make it first", .0.display())]
    NoParent(PathBuf),
    /// The folder cannot be made.
    #[error("cannot make the folder `{}`", .path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written into the folder, or the folder cannot get its final name.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The image would hold secrets that the user gave.
    #[error("the image would hold the secret {}, which everybody can read who gets it", names(.0))]
    GivenSecrets(Vec<String>),
    /// The image holds secrets that its scripts or overlays brought.
    #[error("the image holds a secret, which everybody can read who gets it: {}", found(.0))]
    FoundSecrets(Vec<FoundSecret>),
    /// The release cannot be signed by gpg.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The release cannot be signed by minisign.
    #[error(transparent)]
    Minisign(#[from] MinisignError),
}

fn names(settings: &[String]) -> String {
    let settings: Vec<String> = settings.iter().map(|name| format!("`{name}`")).collect();
    settings.join(", ")
}

fn found(secrets: &[FoundSecret]) -> String {
    let one = |secret: &FoundSecret| format!("`{}` {}", secret.path, secret.origin);
    secrets.iter().map(one).collect::<Vec<_>>().join(", ")
}
