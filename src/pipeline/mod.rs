//! A build, from a Plan to an image: fetch, unpack, configure, compose, seal.
//!
//! What takes long and depends on packages alone (the configured tree, the initramfs) is remembered
//! in the store under the digest of its inputs, so that a warm build costs little more than writing
//! the image.

mod blob;
mod boot;
mod disk;
mod drawn;
pub(crate) mod fetch;
mod first_boot;
mod foreign;
mod host_name;
mod onto;
mod partitions;
mod references;
pub(crate) mod remembered;
mod repack;
pub(crate) mod system;

pub use disk::DiskError;
pub use fetch::FetchStageError;
pub use foreign::ForeignError;
pub use remembered::Remembered;
pub use system::SystemError;

use crate::apt::repository::Repository;
use crate::base::Opened;
use crate::compose::{self, ComposeError};
use crate::disk::device::Device;
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage, Work};
use crate::fetch::Client;
use crate::plan::Plan;
use crate::specification::Configure;
use crate::store::Store;
use crate::verify::{self, VerifyError};
use blob::Sources;
use std::path::Path;

/// Where a build works.
pub struct BuildContext<'a> {
    /// Over which network.
    pub client: &'a Client,
    /// Where everything is kept.
    pub store: &'a Store,
    /// Where packages come from.
    pub repositories: &'a [Repository],
    /// Where tools of this machine come from, if from elsewhere.
    pub tools: &'a [Repository],
    /// The image that the build starts from.
    pub base: Option<&'a Opened>,
    /// The disk that a board takes its boot loader from, where its root is made of packages.
    pub loader: Option<&'a dyn Device>,
    /// This program: the sandbox starts it again inside.
    pub program: &'a Path,
    /// How long one maintainer script may go on, if not as long as usual.
    pub script_timeout: Option<std::time::Duration>,
    /// Gives a key of the user's own, for what is remembered of images with secrets.
    pub own_key: fn() -> Option<[u8; 32]>,
    /// Who hears of it.
    pub reporter: &'a dyn Reporter,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Inputs could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchStageError),
    /// Packages could not be unpacked or configured.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Files could not be laid over the tree.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Programs of the image do not take its configuration, or could not be asked.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The disk could not be laid out.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Makes the image that `plan` describes; it is sealed, and not written yet.
pub fn build(plan: &Plan, context: &BuildContext<'_>) -> Result<Image, BuildError> {
    let reporter = context.reporter;
    if context.base.is_none() {
        if plan.spec.board.needs_base() && context.loader.is_none() {
            // Said before minutes are spent on what could not start.
            return Err(blob::no_base(plan).into());
        }
        fetch::fetch_blobs(plan, context)?;
    }
    let mut root = match context.base {
        Some(base) => onto::configured(plan, base, context)?,
        None => system::configured(plan, context)?,
    };
    let file_packages = system::file_packages(plan, context)?;

    reporter.report(Event::Started {
        stage: Stage::Compose,
        work: Work::Uncounted,
    });
    let store = context.store;
    let composed = compose::compose(plan, context.base, &mut root, store)?;
    if let (Some(base), Configure::FirstBoot) = (context.base, plan.spec.configure) {
        first_boot::lay(plan, base, &mut root, store, &composed.unowned)?;
    }
    let from = Sources {
        store: context.store,
        file_packages: &file_packages,
        base: context.loader,
    };
    match context.base {
        Some(base) => references::check(base, &root, context.store)?,
        None => boot::lay(plan, from, &mut root)?,
    }
    reporter.report(Event::Finished {
        stage: Stage::Compose,
        memoized: false,
    });
    let checked: verify::Request<'_, BuildError> = verify::Request {
        store,
        program: context.program,
        script_timeout: context.script_timeout,
        own_key: context.own_key,
        packages_alone: context.base.is_none(),
        tools: &|| Ok(system::fetched_tools(plan, context)?),
        reporter,
    };
    verify::verify(plan, (&root, &composed.laid), &checked)?;
    drawn::warn(&root, store, reporter).map_err(SystemError::Store)?;

    reporter.report(Event::Started {
        stage: Stage::Seal,
        work: Work::Uncounted,
    });
    let disk = match context.base {
        Some(base) => repack::disk(plan, store, base, root, reporter)?,
        None => partitions::disk(plan, from, root)?,
    };
    let image = disk.seal(plan.spec.board.disk.min_size)?;
    reporter.report(Event::Finished {
        stage: Stage::Seal,
        memoized: false,
    });
    Ok(image)
}
