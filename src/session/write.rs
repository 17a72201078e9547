//! Writes the image to its file after everything that it was made of was verified.

use super::error::SessionError;
use super::open::Session;
use crate::disk::image::Image;
use crate::event::Event;
use crate::pipeline::Remembered;
use crate::plan::Plan;
use crate::sink::{Digest, Output, Readers, Written};
use std::path::Path;

impl Session<'_> {
    /// Makes the unfinished file of `path`. Only its owner can read the file if the image holds secrets. A caller
    /// does this before the build, so that an output that cannot be written is known at once.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn output(&self, path: &Path) -> Result<Output, SessionError> {
        let readers = match self.spec.has_secrets() {
            true => Readers::Owner,
            false => Readers::Anyone,
        };
        let output = Output::create(path, readers)?;
        output.partials().for_each(self.options.guard);
        Ok(output)
    }

    /// Makes the unfinished files of the image `path` and of its block map `map`, as [`Session::output`] does.
    ///
    /// # Errors
    /// A file cannot be made.
    pub fn output_with_block_map(&self, path: &Path, map: &Path) -> Result<Output, SessionError> {
        let output = self.output(path)?.with_block_map(map)?;
        output.partials().for_each(self.options.guard);
        Ok(output)
    }

    /// Writes `image`, verifies the objects of the store that went into it, and gives the file its final name.
    /// If the image has the digest that the same inputs gave before, that proves the objects; otherwise all of
    /// them are hashed.
    ///
    /// # Errors
    /// The file cannot be written, or an object that went into the image is damaged; [`Session::retried`] then
    /// repeats all steps.
    pub fn write(
        &self,
        plan: &Plan,
        image: &Image,
        output: Output,
    ) -> Result<Written, SessionError> {
        let reporter = self.options.reporter;
        let remembered = Remembered::new(plan, &self.store, self.options.own_key);
        let is_known = remembered.is_known();
        let (proven, filled) = std::thread::scope(|scope| {
            let prove = || match is_known {
                true => Ok(()),
                false => {
                    self.store.prove(image.objects())?;
                    self.store.prove_used()
                }
            };
            let proof = scope.spawn(prove);
            let filled = output.fill(image, &self.store, Digest::Sha256, reporter);
            (proof.join(), filled)
        });
        let filled = filled?;
        let proven = proven.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let in_store = |source| SessionError::store(&self.store, source);
        proven.map_err(in_store)?;
        let digest = filled.written.sha256.expect("it was asked for");
        if !remembered.is(&digest) {
            if is_known {
                self.store.prove_used().map_err(in_store)?;
                let words = "this image differs from the one that the same inputs gave before, although \
                             everything that it was made of is in order: a different imgbuild made that one, the \
                             store's note of its digest was changed, or packages were configured anew and a script \
                             of one drew something else. The digest of this one is noted now";
                reporter.report(Event::Note(words.to_owned()));
            }
            remembered.set(&digest).map_err(in_store)?;
        }
        Ok(filled.finish(reporter)?)
    }
}
