//! The journal's replay, in memory.

use super::error::{ReadError, Unsupported};
use super::feature;
use super::superblock::Superblock;
use crate::disk::device::Device;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The blocks that the journal `log` changes, with their final content, each as long as a block.
pub(super) fn replay(
    _log: &dyn Device,
    _superblock: &Superblock,
) -> Result<BTreeMap<u64, Arc<[u8]>>, ReadError> {
    Err(Unsupported::from(feature::NEEDS_RECOVERY).into())
}
