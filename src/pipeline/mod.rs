//! A build, from a Plan to an image.
//!
//! ```text
//! Plan → Root → Disk → Image
//! ```
//!
//! A `Root` is a tree that is configured, composed and accepted by its own programs; a `Disk` has
//! it in filesystems, beside the blobs, and is ready to be laid out. What takes long and depends on packages alone
//! (the configured tree, the initramfs) is remembered in the store under the digest of its inputs, so that a warm
//! build costs little more than writing the image.

mod blob;
mod boot;
mod context;
mod disk;
mod error;
pub(crate) mod fetch;
mod first_boot;
mod foreign;
mod generated_secrets;
mod host_name;
mod install;
mod partitions;
mod references;
mod remembered;
mod remembered_tree;
mod repack;
mod root;
pub(crate) mod system;

pub use context::BuildContext;
pub use disk::DiskError;
pub use error::{BuildError, SystemError};
pub use fetch::FetchStageError;
pub use foreign::ForeignError;
pub use remembered::Remembered;

use crate::base::BaseKind;
use crate::disk::image::Image;
use crate::event::{Event, Stage, Work};
use crate::plan::Plan;
use root::Root;

/// Makes the image that `plan` describes; it is sealed, and not written yet.
///
/// # Errors
/// Where an input is not to be had, and where the image cannot be made of what there is.
pub fn build(plan: &Plan, context: &BuildContext<'_>) -> Result<Image, BuildError> {
    match context.base.kind {
        // Said before minutes are spent on what could not start.
        BaseKind::Packages if plan.spec.board.needs_base() => {
            return Err(blob::no_base(plan).into());
        }
        BaseKind::Packages | BaseKind::PackagesAndLoader(_) => fetch::fetch_blobs(plan, context)?,
        BaseKind::Image(_) => {}
    }
    let root = Root::make(plan, context)?;
    let reporter = context.reporter;
    reporter.report(Event::Started {
        stage: Stage::Seal,
        work: Work::Uncounted,
    });
    let disk = match context.base.image() {
        Some(image) => repack::disk(plan, context, &image.opened, root)?,
        None => partitions::disk(plan, context, root)?,
    };
    let image = disk.seal(plan.spec.board.disk.min_size)?;
    reporter.report(Event::Finished {
        stage: Stage::Seal,
        memoized: false,
    });
    Ok(image)
}
