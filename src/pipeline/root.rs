//! Makes the finished root filesystem: packages are configured, files are composed and boot files written, and the
//! image's own programs accept the result.
//!
//! Boot files are written here and not when the disk is made, because they may replace files of overlays. This is found
//! when the finished tree is compared with the files that the overlays wrote.

use super::context::BuildContext;
use super::error::{BuildError, SystemError};
use super::generated_secrets::Generated;
use super::{boot, first_boot, generated_secrets, install, references, system};
use crate::compose::layer::Layer;
use crate::compose::{self, ComposeError, Composed, boot_text};
use crate::event::{Stage, Work};
use crate::plan::Plan;
use crate::specification::Configure;
use crate::tree::{Origin, Tree};
use crate::verify;

/// The finished root filesystem, with the files of every other filesystem at its mount point.
pub(super) struct Root {
    /// The tree of the root filesystem.
    pub(super) tree: Tree,
    /// The unpacked packages whose files serve as blobs.
    pub(super) file_packages: Tree,
    /// Files of scripts that every device of the image would share and must not.
    pub(super) generated: Vec<Generated>,
}

impl Root {
    /// Makes the root of `plan`.
    ///
    /// # Errors
    ///
    /// An input cannot be fetched, a file cannot be written, or a program of the image refuses the result.
    pub(super) fn make(plan: &Plan, context: &BuildContext<'_>) -> Result<Self, BuildError> {
        let (store, reporter) = (context.store, context.reporter);
        let tree = match context.base.image() {
            Some(image) => install::configured(plan, &image.opened, context)?,
            None => system::configured(plan, context)?,
        };
        let mut root = Self {
            tree,
            file_packages: system::file_packages(plan, context)?,
            generated: Vec::new(),
        };
        reporter.started(Stage::Compose, Work::Uncounted);
        let composed = root.compose(plan, context)?;
        reporter.finished(Stage::Compose, false);
        let checked: verify::Request<'_, BuildError> = verify::Request {
            store,
            program: context.program,
            script_timeout: context.script_timeout,
            own_key: context.own_key,
            packages_alone: context.base.image().is_none(),
            tools: &|| Ok(system::tools(plan, context)?),
            reporter,
        };
        verify::verify(plan, (&root.tree, &composed.overlay_files), &checked)?;
        root.generated = generated_secrets::find(&root.tree, store).map_err(SystemError::Store)?;
        generated_secrets::warn(&root.generated, reporter);
        Ok(root)
    }

    /// Writes all files into the tree that no package has.
    fn compose(&mut self, plan: &Plan, context: &BuildContext<'_>) -> Result<Composed, BuildError> {
        let (store, tree) = (context.store, &mut self.tree);
        let image = context.base.image().map(|image| &image.opened);
        let preserved = context.base.preserved(&plan.spec.board);
        let mount = &preserved.boot_mount;
        let composed = compose::compose(plan, &preserved, tree, store)?;
        if plan.spec.configure == Configure::FirstBoot {
            first_boot::write(plan, mount, tree, store, &composed.unowned)?;
        }
        match image {
            Some(image) => references::check(image, tree, store)?,
            None => boot::write(plan, store, &self.file_packages, tree)?,
        }
        let mut layer = Layer::new(tree, store, plan.epoch(), Origin::Builtin);
        boot_text::write(&mut layer, &plan.spec, mount).map_err(ComposeError::from)?;
        Ok(composed)
    }
}
