//! Why there is no image.

use super::disk::DiskError;
use super::fetch::FetchStageError;
use crate::base::RegulatoryError;
use crate::compose::ComposeError;
use crate::compose::named::NameError;
use crate::configure::ConfigureError;
use crate::dpkg::database::DatabaseError;
use crate::dpkg::unpack::UnpackError;
use crate::tree::{DumpError, TreeError};
use crate::verify::VerifyError;
use std::io;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Inputs could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchStageError),
    /// Packages could not be unpacked or configured.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Files could not be put into the tree.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Programs of the image do not take its configuration, or could not be asked.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The disk could not be laid out.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why there is no root filesystem.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A package could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchStageError),
    /// A package could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Settings name what the packages do not have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Maintainer scripts could not be run.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The rules of radio that a base's kernel believes could not be chosen.
    #[error(transparent)]
    Regulatory(#[from] RegulatoryError),
    /// This machine is of an architecture that imgbuild does not know.
    #[error("this machine's architecture cannot build images: expected one of amd64, arm64, armhf")]
    UnknownHost,
    /// Packages that are there cannot be replaced without a sandbox.
    #[error(
        "the base image has other versions of {}, and replacing a package takes its scripts; build \
         without `--configure first-boot`, where user namespaces are allowed",
        .packages.join(", ")
    )]
    Upgrades {
        /// The packages with both versions.
        packages: Vec<String>,
    },
    /// The database of a base's dpkg cannot be read.
    #[error("cannot read the packages of the base image")]
    Database(#[from] DatabaseError),
    /// What configures packages on the device cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A tree in the store cannot be read.
    #[error("a tree in the store cannot be read; remove the store's folder `memo`")]
    Dump(#[from] DumpError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}
