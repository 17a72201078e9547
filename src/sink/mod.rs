//! Where an image goes: a file that appears whole or not at all.
//!
//! The image is written beside its final name, synced, and renamed over what is there. Zeros become
//! holes. A second thread hashes what was written while the rest is being written.

mod error;
mod hash;
mod output;
mod writer;

pub use error::SinkError;
pub use output::{Digest, Filled, Output, Readers, Written};

use crate::disk::image::Image;
use crate::event::Reporter;
use crate::tree::Objects;
use std::path::Path;

/// Writes `image` to the file `path`, replacing what is there. Who must clean up after a signal
/// takes [`Output`] instead, which tells the name of the unfinished file.
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
