//! From the image to its file, once everything that it was made of is known to be right.

use super::error::SessionError;
use super::open::Session;
use crate::disk::image::Image;
use crate::event::Event;
use crate::pipeline::Remembered;
use crate::plan::Plan;
use crate::sink::{Digest, Output, Readers, Written};
use std::path::Path;

impl Session<'_> {
    /// Begins the file `path`, which only its owner can read if there are secrets in the image. Made before the
    /// build, it finds out in time that the image could not be kept.
    ///
    /// # Errors
    /// Where no file can be written there.
    pub fn output(&self, path: &Path) -> Result<Output, SessionError> {
        let readers = match self.spec.has_secrets() {
            true => Readers::Owner,
            false => Readers::Anyone,
        };
        let output = Output::create(path, readers)?;
        (self.options.guard)(output.partial());
        Ok(output)
    }

    /// Writes `image`, and gives it its name once all of the store that went into it is known to be
    /// right: by the digest of the image that was made of the same inputs before, or else by hashing
    /// everything that was used.
    ///
    /// # Errors
    /// Where the file cannot be written, and where the store has lost something that went into the image:
    /// [`Session::retried`] then takes all steps again.
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
