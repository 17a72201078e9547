//! Why packages could not be configured.

use crate::architecture::Architecture;
use crate::dpkg::control::ControlError;
use crate::dpkg::deb::DebError;
use crate::sandbox::SandboxError;
use crate::tree::{TreeError, TreePath};
use std::io;

/// Why there is no configured tree.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// Scripts could not be run, or failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A .deb that was to be installed cannot be read.
    #[error("cannot read the .deb of package `{package}`")]
    Archive {
        /// The package.
        package: String,
        /// Why not.
        #[source]
        source: Box<DebError>,
    },
    /// A .deb that was to be installed holds another package.
    #[error("the .deb of package `{package}` holds another one; lock the packages again")]
    OtherArchive {
        /// The package.
        package: String,
    },
    /// The tree does not take the archives.
    #[error("cannot put packages into the tree")]
    Tree(#[from] TreeError),
    /// dpkg's list of packages cannot be read.
    #[error("/var/lib/dpkg/status is damaged")]
    Status(#[from] ControlError),
    /// dpkg succeeded, but some packages are not configured.
    #[error("these packages are not configured: {}", packages.join(", "))]
    Unconfigured {
        /// Their names.
        packages: Vec<String>,
    },
    /// A script left a program of the building host in the tree.
    #[error(
        "a script made `{path}` as a program of another architecture than {architecture}; this is \
         a mistake of imgbuild, please report it"
    )]
    WrongMachine {
        /// The program.
        path: TreePath,
        /// The architecture of the image.
        architecture: Architecture,
    },
    /// The store failed.
    #[error("cannot keep the sandbox in the store")]
    Store(#[from] io::Error),
}
