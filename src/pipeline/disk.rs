//! A disk whose parts are at hand: what it starts from, the contents of its partitions, its blobs.
//!
//! Partitions and blobs of a new disk are those of the board (`partitions`); those of a base image are its own
//! (`repack`). Both are laid out and assembled here, by `layout`.

mod error;

pub use error::DiskError;

use crate::disk::image::{Image, Source};
use crate::layout;
use crate::units::Bytes;
use std::collections::BTreeMap;

/// A disk that is ready to be laid out.
pub(super) struct Disk {
    /// What has to find its place.
    pub(super) request: layout::Request,
    /// The contents of partitions, by number.
    pub(super) contents: BTreeMap<u32, Image>,
    /// The bytes of blobs, by name.
    pub(super) blobs: BTreeMap<String, Source>,
}

impl Disk {
    /// Decides every byte. A disk that becomes longer than it was has at most `max_len`.
    pub(super) fn seal(self, max_len: Bytes) -> Result<Image, DiskError> {
        let layout = layout::solve(&self.request)?;
        let before = layout.existing.as_ref();
        let before = before.map_or(0, |existing| existing.disk.len());
        if layout.len > max_len.max(Bytes(before)) {
            return Err(DiskError::LargerThanBoard {
                len: layout.len,
                min_size: max_len,
            });
        }
        Ok(layout::assemble(&layout, self.contents, self.blobs)?)
    }
}
