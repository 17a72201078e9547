//! Writes an image to a file, which appears whole or not at all.
//!
//! The image is written to a file beside its final name, synced, and renamed over the file that is
//! there. Zeros become holes. Other threads hash the written part while the rest is written: the whole, and the ranges
//! of a block map if one is asked for.

mod block_map;
mod error;
mod hash;
mod output;
mod writer;

pub use block_map::{BlockMap, BlockMapper, MappedRange};
pub use error::SinkError;
pub(crate) use output::is_full;
pub use output::{Digest, Filled, Output, Readers, Written};

use crate::disk::image::Image;
use crate::event::Reporter;
use crate::tree::Objects;
use std::path::Path;

/// Writes `image` to the file `path` and replaces the file that is there. A caller that must remove
/// the unfinished file after a signal uses [`Output`] instead, which gives its name.
///
/// # Errors
///
/// The output cannot be written, or an object of the store cannot be read. [`SinkError`] says
/// which.
pub fn write(
    image: &Image,
    objects: &dyn Objects,
    path: &Path,
    digest: Digest,
    reporter: &dyn Reporter,
) -> Result<Written, SinkError> {
    let output = Output::create(path, Readers::Anyone)?;
    output
        .fill(image, objects, digest, reporter)?
        .finish(reporter)
}

#[cfg(test)]
mod tests;
