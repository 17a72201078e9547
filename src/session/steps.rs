//! The steps from the base to the sealed image: resolve, plan, build.

use super::error::SessionError;
use super::open::Session;
use crate::apt::repository::Archives;
use crate::architecture::Architecture;
use crate::base::Base;
use crate::define::board::BlobSource;
use crate::disk::image::Image;
use crate::inventory::Inventory;
use crate::lock::Lock;
use crate::pipeline::{self, BuildContext};
use crate::plan::Plan;
use crate::resolve::Resolver;

impl Session<'_> {
    /// Chooses and pins every input, by the present state of the archives.
    ///
    /// # Errors
    /// An archive cannot be fetched or is not genuine, or the packages cannot be installed together.
    pub fn resolve(&self, base: &Base) -> Result<Lock, SessionError> {
        let archives = Archives {
            client: &self.client,
            store: &self.store,
            now: self.options.now,
            reporter: self.options.reporter,
        };
        let host = Architecture::host().ok_or(SessionError::Host)?;
        let resolver = Resolver {
            archives,
            base,
            host,
        };
        self.naming_full_disk(resolver.resolve(&self.spec))
    }

    /// Makes the plan of a build with the inputs of `lock`. From now on the store keeps these inputs for this process,
    /// and a collection beside it may remove what can be made of them.
    ///
    /// # Errors
    /// `lock` was made for other packages or for another base.
    pub fn plan(&self, lock: Lock) -> Result<Plan, SessionError> {
        let plan = Plan::new(self.spec.clone(), lock)?;
        let blobs = plan.spec.board.blobs.iter();
        let blobs = blobs.filter_map(|blob| match &blob.source {
            BlobSource::Download(wanted) => Some(wanted.sha256),
            _ => None,
        });
        self.store.rely_on(plan.lock.files().chain(blobs));
        Ok(plan)
    }

    /// Builds the image that `plan` describes. The image is sealed, but not written to a file yet.
    ///
    /// # Errors
    /// An input is unavailable, or one of the steps of the build failed.
    pub fn build(&self, plan: &Plan, base: &Base) -> Result<Image, SessionError> {
        self.naming_full_disk(pipeline::build(plan, &self.context(base)))
    }

    /// Builds the image that `plan` describes, as [`Session::build`] does, and lists what it is made of.
    ///
    /// # Errors
    /// An input is unavailable, or one of the steps of the build failed.
    pub fn build_with_inventory(
        &self,
        plan: &Plan,
        base: &Base,
    ) -> Result<(Image, Inventory), SessionError> {
        let built = pipeline::build_with_inventory(plan, &self.context(base));
        self.naming_full_disk(built)
    }

    fn context<'s>(&'s self, base: &'s Base) -> BuildContext<'s> {
        BuildContext {
            client: &self.client,
            store: &self.store,
            base,
            program: &self.options.program,
            script_timeout: self.options.script_timeout,
            own_key: self.options.own_key,
            reporter: self.options.reporter,
        }
    }
}
