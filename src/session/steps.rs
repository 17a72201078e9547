//! The steps from where a build begins to the sealed image: resolve, plan, build.

use super::error::SessionError;
use super::open::Session;
use crate::apt::repository::Archives;
use crate::architecture::Architecture;
use crate::base::Base;
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
        let lock = resolver.resolve(&self.spec);
        lock.map_err(|error| SessionError::from(error).in_store(&self.store))
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
    pub fn build(&self, plan: &Plan, base: &Base) -> Result<Image, SessionError> {
        let context = BuildContext {
            client: &self.client,
            store: &self.store,
            base,
            program: &self.options.program,
            script_timeout: self.options.script_timeout,
            own_key: self.options.own_key,
            reporter: self.options.reporter,
        };
        let image = pipeline::build(plan, &context);
        image.map_err(|error| SessionError::from(error).in_store(&self.store))
    }
}
