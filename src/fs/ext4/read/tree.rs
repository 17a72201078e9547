//! The walk from the root directory down.

use super::Filesystem;
use super::error::{Corrupt, ReadError};
use crate::tree::{Slice, Tree};

/// Everything that has a name.
pub(super) fn read(_filesystem: &Filesystem<'_>, _place: &Slice) -> Result<Tree, ReadError> {
    Err(Corrupt::Root.into())
}
