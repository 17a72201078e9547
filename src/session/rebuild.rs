//! Builds a published image again, and compares it.

use super::error::SessionError;
use super::open::Session;
use crate::base::Base;
use crate::digest::Sha256;
use crate::plan::Plan;
use crate::rebuild::{self, Differences};
use crate::release::{self, Artifact, Expected};
use crate::sink::Format;
use std::path::Path;

impl Session<'_> {
    /// Builds the image that `plan` describes, and compares the disk in the file `published` with it. The published disk
    /// has the digest `sha256` by its manifest. Everything that the image was made of is verified, so that no difference
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
        sha256: Sha256,
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
        // The digest is compared with that of the published image.
        let raw = Artifact {
            name: format!("{}.{}", release::stem(plan), Format::Raw.ending()),
            size: image.len(),
            sha256,
        };
        Ok(Rebuilt {
            differences: match self.spec.has_secrets() {
                true => differences.without_content(),
                false => differences,
            },
            expected: Expected::new(plan, &inventory, &raw),
        })
    }
}

/// The result of building a published image again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The differences of the published image.
    pub differences: Differences,
    /// What has to be published with the image that was built.
    pub expected: Expected,
}
