//! What an image is made of: its operating system, its packages, the files of overlays, its blobs and its partitions.
//!
//! Packages are those that dpkg lists in the finished tree, and not those of the lock: an image has the packages of its
//! base too. A release writes this into its lists of components.

mod error;
mod file;
mod origin;
mod package;
mod secret;
mod system;
mod unpacked;

pub use error::InventoryError;
pub use file::OverlayFile;
pub use origin::{FileOrigin, WrittenFiles};
pub use package::InstalledPackage;
pub use secret::FoundSecret;
pub(crate) use secret::begins_private_key;
pub use system::OperatingSystem;
pub(crate) use system::{OS_RELEASE, assignments};

use crate::define::board::Blob;
use crate::digest::Sha256;
use crate::specification::Spec;
use crate::tree::{Objects, Tree};
use crate::units::Bytes;

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The operating system, as its os-release says.
    pub system: OperatingSystem,
    /// The packages that are installed, sorted by name and architecture.
    pub packages: Vec<InstalledPackage>,
    /// The files that overlays wrote, sorted by path.
    pub files: Vec<OverlayFile>,
    /// The part of the build that wrote each file, apart from files of packages and of a base.
    pub written: Vec<WrittenFiles>,
    /// The board's blobs; none if a base image brought its own boot loader.
    pub blobs: Vec<WrittenBlob>,
    /// The partitions, ascending by number.
    pub partitions: Vec<Partition>,
    /// The secrets that were found in files, and that every device of this image would share.
    pub secrets: Vec<FoundSecret>,
}

/// A blob as it was written.
#[derive(Clone, Debug)]
pub struct WrittenBlob {
    /// Its definition.
    pub blob: Blob,
    /// Its length.
    pub len: Bytes,
    /// The digest of its bytes.
    pub sha256: Sha256,
}

/// A partition of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The number that Linux gives it.
    pub number: u32,
    /// The name in the board's definition; a partition of a base image has none.
    pub name: Option<String>,
    /// First byte.
    pub start: Bytes,
    /// Length.
    pub len: Bytes,
    /// The type: a byte of an MBR, or a GUID.
    pub kind: String,
    /// The PARTUUID.
    pub partuuid: String,
    /// The filesystem, if imgbuild knows it.
    pub filesystem: Option<&'static str>,
    /// The mount point.
    pub mount: Option<String>,
}

impl Inventory {
    /// Lists what `tree` has, the finished root filesystem for `spec`. Blobs and partitions are not in the tree, so the
    /// caller adds them.
    ///
    /// # Errors
    ///
    /// dpkg's list of packages is malformed, or `objects` cannot be read.
    pub fn of_tree(
        tree: &Tree,
        spec: &Spec,
        objects: &dyn Objects,
    ) -> Result<Self, InventoryError> {
        Ok(Self {
            system: OperatingSystem::of_tree(tree, &spec.board.suite.name, objects)?,
            packages: package::packages(tree, objects)?,
            files: file::files(tree, spec, objects)?,
            written: origin::written(tree, spec, objects)?,
            blobs: Vec::new(),
            partitions: Vec::new(),
            secrets: secret::secrets(tree, objects)?,
        })
    }
}
