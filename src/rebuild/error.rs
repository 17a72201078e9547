//! Why an image cannot be compared, or is another one.

use crate::base::input::InputError;
use crate::base::packing::PackingError;
use crate::diag::visible_name;
use crate::digest::Sha256;
use crate::lock::LockError;
use std::io;
use std::path::PathBuf;

/// Why an image cannot be built again and compared, or is another one.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// There is no manifest beside the image.
    #[error("there is no manifest `{}`", .0.display())]
    NoManifest(PathBuf),
    /// The file is no manifest.
    #[error("`{}` is not a manifest", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        source: serde_json::Error,
    },
    /// The manifest has another form.
    #[error("the manifest has version {found}, expected {expected}")]
    Form {
        /// Its version.
        found: u32,
        /// The version that this program knows.
        expected: u32,
    },
    /// The image was made by another version of imgbuild, which may make other bytes of the same inputs.
    #[error(
        "the image was made by imgbuild {}, and this is {expected}, which may make other bytes of the same inputs",
        shown(.found)
    )]
    Version {
        /// The version that made it.
        found: String,
        /// The version of this program.
        expected: &'static str,
    },
    /// No file of the release is the lock of the manifest.
    #[error("the manifest names no lock: it lists no file with sha256 {0}")]
    NoLock(Sha256),
    /// The lock is not the one of the manifest.
    #[error("the lock `{}` has sha256 {found}, and the manifest was made with {expected}", .path.display())]
    OtherLock {
        /// The file.
        path: PathBuf,
        /// The digest in the manifest.
        expected: Sha256,
        /// The digest of the file.
        found: Sha256,
    },
    /// The lock of the manifest is no lock for this program.
    #[error("cannot use the lock `{}`", .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        source: LockError,
    },
    /// The image holds secrets that nobody gave.
    #[error("the image holds the secret {}, without which it cannot be built again", names(.0))]
    Secrets(Vec<String>),
    /// The image starts from a file that its maker had.
    #[error("the image was built on a file that its maker had, `{}`, which no address leads to", shown(.0))]
    BaseFile(String),
    /// The given base has another name, which is a part of what the image was made of.
    #[error("the base is called `{found}`, and the image was built on `{}`", shown(.expected))]
    BaseName {
        /// The name in the manifest.
        expected: String,
        /// The name of the file.
        found: String,
    },
    /// The definitions that this program has differ from those of the image.
    #[error("the definitions here are not those of the image{}", differing(.overlays))]
    Definitions {
        /// The overlays of which it is known that they differ.
        overlays: Vec<String>,
    },
    /// The manifest says another build id than follows from what else it says.
    #[error(
        "the manifest contradicts itself: its build id is {found}, and its inputs give {expected}"
    )]
    BuildId {
        /// The id that follows from specification and lock.
        expected: Sha256,
        /// The id in the manifest.
        found: Sha256,
    },
    /// The file of the image cannot be opened.
    #[error("cannot read the image `{}`", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: InputError,
    },
    /// The file of the image cannot be read or unpacked.
    #[error("cannot read the image `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PackingError,
    },
    /// A file of the release cannot be read.
    #[error("cannot read `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The image is what its inputs give, but not what its manifest says.
    #[error(
        "the image is what its inputs give, but its sha256 is {found}, and the manifest says {expected}"
    )]
    Image {
        /// The digest in the manifest.
        expected: Sha256,
        /// The digest of the image.
        found: Sha256,
    },
    /// The image is what its inputs give, but its manifest says something else about it.
    #[error("the image is what its inputs give, but what its manifest says about `{}` is not true", shown(.0))]
    Statement(String),
    /// The image is another one.
    #[error("`{}` is not the image that these inputs give", .0.display())]
    Differs(PathBuf),
    /// Files do not have the digests that the manifest says.
    #[error("{0} of the files of the release are not what its manifest says")]
    Sums(usize),
}

/// A text of a manifest in one line, so that it cannot pretend to be several.
fn shown(text: &str) -> String {
    visible_name(text.as_bytes())
}

fn names(settings: &[String]) -> String {
    let settings: Vec<String> = settings
        .iter()
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    settings.join(", ")
}

fn differing(overlays: &[String]) -> String {
    match overlays {
        [] => String::new(),
        overlays => format!(": overlay {} differs", names(overlays)),
    }
}
