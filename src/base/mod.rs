//! Where a build begins: with packages alone, with packages and the boot loader of an image, or with an image.
//!
//! [`Base`] is made before the lock, and holds everything that differs between them. The rest of this module is
//! about images, foreign disks from which a build starts:
//!
//! ```text
//! source (input, packing, sparse)   the file: fetched or local, verified, unpacked into the store
//! open (fstab)               the disk: its partitions, its root filesystem, what that mounts
//! apt                        the root: its archives and keys
//! regulatory                 the root: the rules of radio that its kernel believes
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

/// Where a build begins.
#[derive(Debug)]
pub struct Base {
    /// What the root filesystem and the boot loader come from.
    pub kind: BaseKind,
    /// The archives of packages.
    pub repositories: Vec<Repository>,
    /// The archives of tools that run on this machine; none where `repositories` have them.
    pub tools: Vec<Repository>,
    /// The archives of files for the board's blobs, with keys of their own.
    pub third_party_archives: Vec<Repository>,
}

/// What the root filesystem and the boot loader come from.
#[derive(Debug)]
pub enum BaseKind {
    /// Packages alone.
    Packages,
    /// Packages, and an image for the boot loader alone.
    PackagesAndLoader(Loader),
    /// An image, and packages on top of it.
    Image(Box<BaseImage>),
}

/// An image that only the boot loader is taken from.
#[derive(Debug)]
pub struct Loader {
    /// The file that holds it.
    pub locked: LockedBase,
    /// Its disk.
    pub disk: FileDevice,
}

/// An image that packages are installed on.
#[derive(Debug)]
pub struct BaseImage {
    /// The file that holds it.
    pub locked: LockedBase,
    /// What is in it.
    pub opened: Opened,
    /// Which versions of packages its apt prefers.
    pub preferences: Preferences,
}

impl Base {
    /// The image that packages are installed on, if it is one.
    pub fn image(&self) -> Option<&BaseImage> {
        match &self.kind {
            BaseKind::Image(image) => Some(image),
            BaseKind::Packages | BaseKind::PackagesAndLoader(_) => None,
        }
    }

    /// The image that only the boot loader is taken from, if there is one.
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
    /// It cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It cannot be read, or holds nothing that could be built on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its archives cannot be used.
    #[error(transparent)]
    Apt(#[from] AptError),
}
