//! Compares an image that somebody published with the one that the same inputs give.
//!
//! ```text
//! Manifest + lock → Spec → … → Image ─┐
//! published file → bytes of its disk ─┴→ Compared → Differences
//! ```
//!
//! The manifest of a release says what was built; a session builds it again. The published image is read once, from its
//! start to its end, and the other one is written nowhere. Differences are named from the side that was built, because
//! its partitions and filesystems are sound: a file and what of it, a field of an inode, a table, a gap.

mod compare;
mod difference;
mod disk;
mod error;
mod manifest;
mod part;
mod published;
mod sums;
mod unique;

pub use difference::{Difference, Differences, Length};
pub use error::RebuildError;
pub use manifest::{Manifest, MountedPartition};
pub use published::{Published, read};
pub use sums::{Sum, sums};

use crate::disk::image::Image;
use crate::disk::view::ImageView;
use crate::event::{Event, Reporter, Stage, Work};
use crate::inventory::Inventory;
use crate::tree::Objects;
use std::io::{self, Read};

/// Compares the disk that `found` gives with `image`, of which `inventory` lists the partitions.
///
/// # Errors
///
/// `found` or an object of `objects` cannot be read.
pub fn compare(
    found: &mut dyn Read,
    image: &Image,
    inventory: &Inventory,
    objects: &dyn Objects,
    reporter: &dyn Reporter,
) -> io::Result<Differences> {
    let stage = Stage::Compare;
    reporter.started(stage, Work::Bytes(Some(image.len())));
    let expected = ImageView::new(image, objects);
    let advance = &mut |amount| reporter.report(Event::Advanced { stage, amount });
    let compared = compare::compare(found, &expected, advance)?;
    reporter.finished(stage, false);
    Ok(disk::differences(&expected, &compared, inventory))
}

#[cfg(test)]
mod tests;
