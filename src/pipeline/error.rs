//! Why there is no image.

use super::disk::DiskError;
use super::fetch::FetchStageError;
use super::system::SystemError;
use crate::compose::ComposeError;
use crate::verify::VerifyError;

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
