//! Where an image goes: a file that appears whole or not at all.
//!
//! The image is written beside its final name, synced, and renamed over what is there. Zeros become
//! holes. A second thread hashes what was written while the rest is being written.

mod error;
mod hash;
mod output;
mod writer;

pub use error::SinkError;
pub use output::{Filled, Output, Readers};

use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::Reporter;
use crate::tree::Objects;
use std::path::Path;

/// Whether the digest of the image is wanted. It costs one more processor for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// Hash what was written.
    Sha256,
    /// Do not.
    Skip,
}

/// A complete image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub len: u64,
    /// Its digest, if wanted.
    pub sha256: Option<Sha256>,
}

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
