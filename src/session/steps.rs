//! The steps from where a build begins to the sealed image: resolve, plan, build.

use super::error::SessionError;
use super::open::Session;
use super::start::Start;
use crate::apt::repository::Archives;
use crate::architecture::Architecture;
use crate::base::BaseError;
use crate::disk::device::Device;
use crate::disk::image::Image;
use crate::lock::Lock;
use crate::pipeline::{self, BuildContext};
use crate::plan::Plan;
use crate::resolve::Resolver;

impl Session<'_> {
    /// Chooses and pins every input, as the archives are now.
    ///
    /// # Errors
    /// Where an archive cannot be fetched or is not genuine, and where the packages cannot be installed together.
    pub fn resolve(&self, start: &Start) -> Result<Lock, SessionError> {
        let archives = Archives {
            client: &self.client,
            store: &self.store,
            now: self.options.now,
            reporter: self.options.reporter,
        };
        let host = Architecture::host().ok_or(SessionError::Host)?;
        let installed = start.installed(&self.store);
        let installed = installed.map_err(BaseError::from)?;
        let resolver = Resolver {
            archives,
            repositories: &start.repositories,
            tools: &start.tools,
            third_party_archives: &start.third_party_archives,
            host,
            installed: installed.as_ref(),
        };
        let lock = resolver.resolve(&self.spec);
        let mut lock = lock.map_err(|error| SessionError::from(error).in_store(&self.store))?;
        lock.loader = start.loader.as_ref().map(|(locked, _)| locked.clone());
        Ok(lock)
    }

    /// Makes the plan by `lock`.
    ///
    /// # Errors
    /// Where `lock` was made for other packages or for another base.
    pub fn plan(&self, lock: Lock) -> Result<Plan, SessionError> {
        Ok(Plan::new(self.spec.clone(), lock)?)
    }

    /// Builds the image that `plan` describes; it is sealed, and not written yet.
    ///
    /// # Errors
    /// Where an input is not to be had, and where the image cannot be made of what there is.
    pub fn build(&self, plan: &Plan, start: &Start) -> Result<Image, SessionError> {
        let context = BuildContext {
            client: &self.client,
            store: &self.store,
            repositories: &start.repositories,
            tools: &start.tools,
            base: start.base.as_ref().map(|(_, opened)| opened),
            loader: start.loader.as_ref().map(|(_, disk)| disk as &dyn Device),
            program: &self.options.program,
            script_timeout: self.options.script_timeout,
            own_key: self.options.own_key,
            reporter: self.options.reporter,
        };
        let image = pipeline::build(plan, &context);
        image.map_err(|error| SessionError::from(error).in_store(&self.store))
    }
}
