//! A disk whose parts are known: the table that it starts from, the contents of its partitions, and its blobs.
//!
//! A new disk has the board's partitions and blobs (`partitions`); the disk of a base image keeps its own
//! (`repack`). `layout` lays out and assembles both.

mod error;

pub use error::DiskError;

use crate::disk::image::{Image, Source};
use crate::layout::{self, Layout};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// A disk that is ready to be laid out.
pub(super) struct Disk {
    /// The request for a layout: all parts that need a place.
    pub(super) request: layout::Request,
    /// The contents of partitions, by number.
    pub(super) contents: BTreeMap<u32, Image>,
    /// The bytes of blobs, by name.
    pub(super) blobs: BTreeMap<String, Source>,
}

impl Disk {
    /// Lays out and assembles the disk, and gives its layout too.
    ///
    /// # Errors
    ///
    /// The parts do not fit, or the disk becomes longer than it was and longer than `max_len`.
    pub(super) fn seal(self, max_len: Bytes) -> Result<(Image, Layout), DiskError> {
        let layout = layout::solve(&self.request)?;
        let before = layout.existing.as_ref();
        let before = Bytes(before.map_or(0, |existing| existing.disk.len()));
        let before = before.align_up(layout::LENGTH_UNIT).unwrap_or(before);
        if layout.len > max_len.max(before) {
            return Err(DiskError::LargerThanBoard {
                len: layout.len,
                min_size: max_len,
            });
        }
        let image = layout::assemble(&layout, self.contents, self.blobs)?;
        Ok((image, layout))
    }
}
