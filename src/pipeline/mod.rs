//! Builds the image of a plan.
//!
//! ```text
//! Plan → Root → Disk → Image
//! ```
//!
//! A `Root` is a tree that is configured, composed and accepted by its own programs. A `Disk` has the filesystems made
//! of this tree and the blobs, and is ready to be laid out. Results that take long to make and depend on packages only
//! (the configured tree, the initramfs) are kept in the store under the digest of their inputs, so that a repeated
//! build takes little longer than writing the image.

mod blob;
mod boot;
mod context;
mod disk;
mod error;
mod fetch;
mod first_boot;
mod foreign;
mod generated_secrets;
mod host_name;
mod install;
mod inventory;
mod partitions;
mod references;
mod remembered;
mod remembered_tree;
mod repack;
mod root;
mod system;

pub use context::BuildContext;
pub use disk::DiskError;
pub use error::{BuildError, SystemError};
pub use fetch::FetchStageError;
pub use foreign::ForeignError;
pub use remembered::Remembered;

use crate::disk::image::Image;
use crate::event::{Stage, Work};
use crate::inventory::Inventory;
use crate::layout::Layout;
use crate::plan::Plan;
use root::Root;

/// Makes the image that `plan` describes. It is sealed and not written yet.
///
/// # Errors
///
/// An input cannot be fetched, or the image cannot be made of the inputs.
pub fn build(plan: &Plan, context: &BuildContext<'_>) -> Result<Image, BuildError> {
    let root = root(plan, context)?;
    let (image, _) = seal(plan, context, root)?;
    Ok(image)
}

/// Makes the image that `plan` describes, and lists what it is made of.
///
/// # Errors
///
/// An input cannot be fetched, or the image cannot be made of the inputs, or dpkg's list of packages cannot be read.
pub fn build_with_inventory(
    plan: &Plan,
    context: &BuildContext<'_>,
) -> Result<(Image, Inventory), BuildError> {
    let root = root(plan, context)?;
    let mut inventory = inventory::of_root(plan, context, &root)?;
    let (image, layout) = seal(plan, context, root)?;
    inventory.partitions = inventory::partitions(plan, context, &layout);
    Ok((image, inventory))
}

fn root(plan: &Plan, context: &BuildContext<'_>) -> Result<Root, BuildError> {
    if context.base.image().is_none() {
        fetch::fetch_blobs(plan, context)?;
    }
    Root::make(plan, context)
}

fn seal(
    plan: &Plan,
    context: &BuildContext<'_>,
    root: Root,
) -> Result<(Image, Layout), BuildError> {
    let reporter = context.reporter;
    reporter.started(Stage::Seal, Work::Uncounted);
    let disk = match context.base.image() {
        Some(image) => repack::disk(plan, context, &image.opened, root)?,
        None => partitions::disk(plan, context, root)?,
    };
    let sealed = disk.seal(plan.spec.board.disk.min_size)?;
    reporter.finished(Stage::Seal, false);
    Ok(sealed)
}
