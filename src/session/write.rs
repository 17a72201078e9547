//! Writes the image to its file after everything that it was made of was verified.

use super::error::SessionError;
use super::open::Session;
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::Event;
use crate::pipeline::Remembered;
use crate::plan::Plan;
use crate::sink::{Format, Keep, Output, Outputs, Written};
use crate::unfinished::Readers;
use std::path::{Path, PathBuf};

impl Session<'_> {
    /// Makes the unfinished file of `path`, whose name says its format; it is raw if the name says nothing. A
    /// caller does this before the build, so that an output that cannot be written is known at once.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn output(&self, path: &Path) -> Result<Output, SessionError> {
        self.output_as(path, Format::of_name(path).unwrap_or(Format::Raw))
    }

    /// Makes the unfinished file of `path`, in which the image is written in `format`. Only its owner can read the
    /// file if the image holds secrets.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn output_as(&self, path: &Path, format: Format) -> Result<Output, SessionError> {
        let readers = match self.spec.has_secrets() {
            true => Readers::Owner,
            false => Readers::Anyone,
        };
        self.output_for(path, format, readers)
    }

    /// As [`Session::output_as`], for `readers`.
    pub(super) fn output_for(
        &self,
        path: &Path,
        format: Format,
        readers: Readers,
    ) -> Result<Output, SessionError> {
        let output = Output::create(path, format, readers)?;
        output.partials().for_each(self.options.guard);
        Ok(output)
    }

    /// Also makes the unfinished file `path` of the block map of `output`, for the same readers.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn with_block_map(&self, output: Output, path: &Path) -> Result<Output, SessionError> {
        let output = output.with_block_map(path)?;
        output.partials().for_each(self.options.guard);
        Ok(output)
    }

    /// A path for a file that is removed when the session ends.
    pub fn scratch_path(&self) -> PathBuf {
        self.store.scratch_path()
    }

    /// Writes `image` to one or several outputs, verifies the objects of the store that went into it, and gives
    /// the files their final names.
    ///
    /// If the image has the digest that the same inputs gave before, that proves the objects; otherwise all of
    /// them are hashed, after they were copied.
    ///
    /// # Errors
    /// The file cannot be written, or an object that went into the image is damaged; [`Session::retried`] then
    /// repeats all steps.
    pub fn write(
        &self,
        plan: &Plan,
        image: &Image,
        outputs: impl Into<Outputs>,
    ) -> Result<Written, SessionError> {
        let outputs = outputs.into();
        let keep = match self.spec.has_secrets() {
            true => Keep::Objects,
            false => Keep::Everything,
        };
        let reporter = self.options.reporter;
        let remembered = Remembered::new(plan, &self.store, self.options.own_key);
        let filled = self.naming_full_disk(outputs.fill(image, &self.store, keep, reporter))?;
        let in_store = |source| SessionError::store(&self.store, source);
        let digest = filled.written.sha256.expect("outputs are hashed");
        let is_remembered = remembered.is(&digest);
        if !is_remembered || !filled.is_proven_by_digest() {
            // Objects are hashed after they were copied. A bit that is lost before the copy is then found, whenever
            // it was lost, also while this build ran.
            let proven = self.store.prove_again(&image.objects().collect());
            proven.map_err(in_store)?;
        }
        if !is_remembered {
            self.store.prove_used().map_err(in_store)?;
            if remembered.is_known() {
                let words = "this image differs from the one that the same inputs gave before, although \
                             everything that it was made of is in order: a different imgbuild made that one, the \
                             store's note of its digest was changed, or packages were configured anew and a script \
                             of one drew something else. The digest of this one is noted now";
                reporter.report(Event::Note(words.to_owned()));
            }
            remembered.set(&digest).map_err(in_store)?;
        }
        self.naming_full_disk(filled.note(&self.store).map_err(in_store))?;
        let written = filled.finish(reporter)?;
        // Without the record, a collection takes the objects for older than they are.
        let lock = Sha256::of(plan.lock.to_text().as_bytes());
        let _ = self.store.record_build(&label(plan), &lock);
        Ok(written)
    }
}

/// Board, profile and base of `plan`, by which a person recognizes its build.
fn label(plan: &Plan) -> String {
    let spec = &plan.spec;
    let base = spec
        .base
        .as_ref()
        .map(|base| format!(" on {}", base.name()));
    let (board, profile) = (&spec.board.name, &spec.profile.name);
    format!("{board} + {profile}{}", base.unwrap_or_default())
}
