//! The errors of a build.

use super::disk::DiskError;
use super::fetch::FetchStageError;
use crate::base::RegulatoryError;
use crate::compose::ComposeError;
use crate::compose::named::NameError;
use crate::configure::ConfigureError;
use crate::dpkg::database::DatabaseError;
use crate::dpkg::unpack::UnpackError;
use crate::inventory::InventoryError;
use crate::tree::{DumpError, TreeError};
use crate::verify::VerifyError;
use std::io;

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An input could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchStageError),
    /// Packages could not be unpacked or configured.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A file could not be written into the tree.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The image's programs refuse its configuration, or could not be run.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The disk could not be laid out.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The contents of the image could not be listed.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

/// Why packages could not become a root filesystem.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A package could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchStageError),
    /// A package could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A setting names something that the packages do not have, such as a locale.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Maintainer scripts could not be run.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The regulatory database that the kernel of a base accepts could not be chosen.
    #[error(transparent)]
    Regulatory(#[from] RegulatoryError),
    /// imgbuild does not know the architecture of this machine.
    #[error("this machine's architecture cannot build images: expected one of amd64, arm64, armhf")]
    UnknownHost,
    /// Packages of a base image cannot be replaced without a sandbox.
    #[error(
        "the base image has other versions of {}, and replacing a package takes its scripts; build \
         without `--configure first-boot`, where user namespaces are allowed",
        .packages.join(", ")
    )]
    Upgrades {
        /// The names of the packages, with the old and the new version.
        packages: Vec<String>,
    },
    /// dpkg's database in a base image cannot be read.
    #[error("cannot read the packages of the base image")]
    Database(#[from] DatabaseError),
    /// The files that configure packages on the device cannot be written into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A tree in the store cannot be read.
    #[error("a tree in the store cannot be read; remove the store's folder `memo`")]
    Dump(#[from] DumpError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
