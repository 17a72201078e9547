//! Writes an image to files, which appear whole or not at all.
//!
//! The image is written to a file beside its final name, synced, and renamed over the file that is
//! there. In the raw format, zeros become holes. Other threads compute over the written part while the
//! rest is written: the digest of the whole, and a block map if one is asked for (`computing`).
//!
//! For a compressed format, the image is cut into spans (`cut`). A span that was compressed before,
//! in whatever image, is taken from the store (`blocks`), so that only what is new is compressed.
//! Several threads do that, and the results are written in order (`pass`). Neither the number of
//! threads nor the machine decides a byte.

mod block_map;
mod blocks;
mod codec;
mod computing;
mod cut;
mod error;
mod format;
mod hash;
mod output;
mod outputs;
mod pass;
mod qcow2;
mod span;
mod writer;
mod writing;
mod xz;

pub use block_map::{BlockMap, BlockMapper, MappedRange};
pub use blocks::Keep;
pub use computing::Digest;
pub use error::SinkError;
pub use format::{Format, Level};
pub use output::Output;
pub(crate) use output::is_full;
pub use outputs::{Filled, Outputs, Written, WrittenFile};

use crate::disk::image::Image;
use crate::event::Reporter;
use crate::tree::Objects;
use crate::unfinished::Readers;
use std::path::Path;

/// Writes `image` in the raw format to the file `path` and replaces the file that is there. A caller
/// that must remove the unfinished file after a signal uses [`Outputs`] instead, whose parts give
/// their names.
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
    let output = Output::create(path, Format::Raw, Readers::Anyone)?;
    let filled = Outputs::from(output).fill_raw(image, objects, digest, reporter)?;
    filled.finish(reporter)
}

#[cfg(test)]
mod tests;
