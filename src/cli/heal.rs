//! What a command does about a store that has lost something.

use super::bench::Bench;
use super::environment;
use super::failure::Failure;
use crate::disk::image::Image;
use crate::event::{Event, Reporter};
use crate::pipeline::Remembered;
use crate::plan::Plan;
use crate::sink::{Digest, Output, Written};

/// How often a command is tried again that has found something damaged in the store. Each time at least
/// one damaged object is gone.
const ATTEMPTS: u32 = 16;

impl Bench<'_> {
    /// Writes `image`, and gives it its name once all of the store that went into it is known to be
    /// right: by the digest of the image that was made of the same inputs before, or else by hashing
    /// everything that was used.
    pub(super) fn write(
        &self,
        plan: &Plan,
        image: &Image,
        output: Output,
    ) -> Result<Written, Failure> {
        let remembered = Remembered::new(plan, &self.store, environment::own_key);
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
            let filled = output.fill(image, &self.store, Digest::Sha256, self.progress);
            (proof.join(), filled)
        });
        let filled = filled?;
        let proven = proven.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let in_store = |source| Failure::Store {
            path: self.store.root().to_owned(),
            source,
        };
        proven.map_err(in_store)?;
        let digest = filled.written.sha256.expect("it was asked for");
        if !remembered.is(&digest) {
            if is_known {
                self.store.prove_used().map_err(in_store)?;
                let words = "this image differs from the one that the same inputs gave before, although \
                             everything that it was made of is in order: a different imgbuild made that one, the \
                             store's note of its digest was changed, or packages were configured anew and a script \
                             of one drew something else. The digest of this one is noted now";
                self.progress.report(Event::Note(words.to_owned()));
            }
            remembered.set(&digest).map_err(in_store)?;
        }
        Ok(filled.finish(self.progress)?)
    }

    /// The result of `act`, which is tried again where it failed because of what the store has lost: it
    /// is fetched or made anew then. What was lost is told. An error is believed only once everything
    /// that was used is known to be in order: a damaged disk may as well be one that a bit was lost of.
    pub(super) fn healed<T>(
        &self,
        mut act: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for attempt in 1.. {
            let result = act();
            if result.is_err() {
                // What is wrong stands in the list of what was lost.
                let _ = self.store.prove_used();
            }
            let lost = self.store.take_lost();
            for lost in &lost {
                let words = format!("{lost}; it is now fetched or made anew");
                self.progress.report(Event::Warning(words));
            }
            if result.is_ok() || lost.is_empty() || attempt == ATTEMPTS {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }
}
