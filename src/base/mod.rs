//! The start of a build: packages alone, packages and the boot loader of an image, or an image.
//!
//! [`Base`] is made before the lock, and has everything in which the three differ. The modules here read base
//! images, which are disks that somebody else made:
//!
//! ```text
//! source (input, packing, sparse)   the file: fetched or local, verified, unpacked into the store
//! open (fstab)               the disk: its partitions, its root filesystem, and the filesystems mounted there
//! apt                        the root: its archives and keys
//! regulatory                 the root: the database of radio regulations that its kernel accepts
//! ```

pub mod apt;
pub mod fstab;
pub mod input;
mod mounts;
pub mod open;
pub mod packing;
mod preserved;
pub mod regulatory;
pub mod source;
pub mod sparse;

pub use apt::AptError;
pub use open::{Format, OpenError, Opened};
pub use preserved::Preserved;
pub use regulatory::RegulatoryError;
pub use source::{Source, SourceError};

use crate::apt::preferences::Preferences;
use crate::apt::repository::Repository;
use crate::disk::device::FileDevice;
use crate::lock::LockedBase;

/// The start of a build.
#[derive(Debug)]
pub struct Base {
    /// The origin of the root filesystem and the boot loader.
    pub kind: BaseKind,
    /// The archives of packages.
    pub repositories: Vec<Repository>,
    /// The archives of tools that run on this machine. It is empty if `repositories` have them.
    pub tools: Vec<Repository>,
    /// The archives of files for the board's blobs, which have their own keys.
    pub third_party_archives: Vec<Repository>,
}

/// The origin of the root filesystem and the boot loader.
#[derive(Debug)]
pub enum BaseKind {
    /// Packages alone.
    Packages,
    /// Packages, and an image for the boot loader only.
    PackagesAndLoader(Loader),
    /// An image, on which packages are installed.
    Image(Box<BaseImage>),
}

/// An image of which only the boot loader is used.
#[derive(Debug)]
pub struct Loader {
    /// The file that holds it.
    pub locked: LockedBase,
    /// Its disk.
    pub disk: FileDevice,
}

/// An image on which packages are installed.
#[derive(Debug)]
pub struct BaseImage {
    /// The file that holds it.
    pub locked: LockedBase,
    /// Its content.
    pub opened: Opened,
    /// The preferences of its apt for versions of packages.
    pub preferences: Preferences,
}

impl Base {
    /// The image on which packages are installed, if there is one.
    pub fn image(&self) -> Option<&BaseImage> {
        match &self.kind {
            BaseKind::Image(image) => Some(image),
            BaseKind::Packages | BaseKind::PackagesAndLoader(_) => None,
        }
    }

    /// The image of which only the boot loader is used, if there is one.
    pub fn loader(&self) -> Option<&Loader> {
        match &self.kind {
            BaseKind::PackagesAndLoader(loader) => Some(loader),
            BaseKind::Packages | BaseKind::Image(_) => None,
        }
    }
}

/// Why a base image cannot be built on.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It cannot be fetched, verified or unpacked.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It cannot be read, or has no root filesystem on which packages can be installed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its archives cannot be used.
    #[error(transparent)]
    Apt(#[from] AptError),
}
