//! Builds a published image again, and compares it.

use super::error::SessionError;
use super::open::Session;
use crate::base::Base;
use crate::plan::Plan;
use crate::rebuild::{self, Differences};
use crate::release::{self, Artifact};
use serde_json::{Map, Value as Json};
use std::path::Path;

impl Session<'_> {
    /// Builds the image that `plan` describes, and compares the disk in the file `published` with it. `raw` is what the
    /// manifest says about the published disk. Everything that the image was made of is verified, so that no difference
    /// comes from a damaged store. If the image holds secrets, no content is in the result.
    ///
    /// # Errors
    /// The image cannot be built, the file cannot be read, or an object that went into the image is damaged;
    /// [`Session::retried`] then repeats all steps.
    pub fn compare(
        &self,
        plan: &Plan,
        base: &Base,
        published: &Path,
        raw: &Artifact,
    ) -> Result<Rebuilt, SessionError> {
        let (image, inventory) = self.build_with_inventory(plan, base)?;
        let prove = || {
            self.store.prove(image.objects())?;
            self.store.prove_used()
        };
        let (scratch, reporter) = (self.store.scratch_path(), self.options.reporter);
        let (proven, compared) = std::thread::scope(|scope| {
            let proof = scope.spawn(prove);
            let compared = rebuild::read(published, image.len(), scratch, |disk| {
                rebuild::compare(disk, &image, &inventory, &self.store, reporter)
            });
            (proof.join(), compared)
        });
        let proven = proven.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        proven.map_err(|source| SessionError::store(&self.store, source))?;
        let differences = compared?.disk;
        // Its digest was compared with the manifest, and its length is that of what was built.
        let raw = Artifact {
            size: image.len(),
            ..raw.clone()
        };
        Ok(Rebuilt {
            differences: match self.spec.has_secrets() {
                true => differences.without_content(),
                false => differences,
            },
            statements: release::statements(plan, &inventory, &raw),
        })
    }
}

/// The result of building a published image again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The differences of the published image.
    pub differences: Differences,
    /// What a manifest has to say about the image that was built.
    pub statements: Map<String, Json>,
}
