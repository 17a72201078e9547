//! Builds a published image again, and compares it.

use super::error::SessionError;
use super::open::Session;
use super::release::{block_map_artifact, raw_artifact};
use crate::base::Base;
use crate::digest::Sha256;
use crate::plan::Plan;
use crate::rebuild::{self, Differences};
use crate::release::{Expected, Images};
use crate::sink::BlockMapper;
use std::io::{self, Read};
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
                let mapper = BlockMapper::new(&image);
                let mut disk = Mapped { disk, mapper };
                let differences =
                    rebuild::compare(&mut disk, &image, &inventory, &self.store, reporter)?;
                Ok((differences, disk.mapper))
            });
            (proof.join(), compared)
        });
        let proven = proven.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        proven.map_err(|source| SessionError::store(&self.store, source))?;
        let (differences, mapper) = compared?.disk;
        let expected = differences.is_empty().then(|| {
            let images = Images {
                // The digest is compared with that of the published image.
                raw: raw_artifact(plan, image.len(), sha256),
                published: Vec::new(),
                block_map: block_map_artifact(plan, &mapper.finish()),
            };
            Expected::new(plan, &inventory, &images)
        });
        Ok(Rebuilt {
            differences: match self.spec.has_secrets() {
                true => differences.without_content(),
                false => differences,
            },
            expected,
        })
    }
}

/// A disk, of which a block map is made while it is read.
struct Mapped<'a> {
    disk: &'a mut dyn Read,
    mapper: BlockMapper,
}

impl Read for Mapped<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.disk.read(into)?;
        self.mapper.update(&into[..n]);
        Ok(n)
    }
}

/// The result of building a published image again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The differences of the published image.
    pub differences: Differences,
    /// What has to be published with the image, if it is the one that was built.
    pub expected: Option<Expected>,
}
