//! Why the contents of an image cannot be listed.

use crate::dpkg::control::ControlError;
use std::io;

/// Why the contents of an image cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// dpkg's list of packages is malformed.
    #[error("cannot list the packages of the image: `/var/lib/dpkg/status`")]
    Status(#[from] ControlError),
    /// The store failed.
    #[error("cannot read a file of the image from the store")]
    Store(#[from] io::Error),
}
