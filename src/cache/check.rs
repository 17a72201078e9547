//! Reads every object of a store, and removes those whose content is not what their name says.

use super::CacheError;
use super::contents::Contents;
use crate::digest::Sha256;
use crate::event::{Event, Reporter, Stage, Work};
use crate::parallel;
use crate::store::{Checked, FoundObject};
use crate::units::Bytes;
use std::io;

/// What a check has found.
#[derive(Debug, Default)]
pub struct Verified {
    /// The number of objects that were read.
    pub objects: usize,
    /// Their length.
    pub len: Bytes,
    /// The damaged objects.
    pub damaged: Vec<Damage>,
}

/// A damaged object.
#[derive(Debug)]
pub struct Damage {
    /// The object.
    pub digest: Sha256,
    /// The damage, in words.
    pub how: String,
    /// Whether it was removed.
    pub removed: io::Result<()>,
}

/// Reads every object of `contents` on all processors, and removes the damaged ones.
///
/// # Errors
///
/// An object cannot be opened, for a reason that lies in the machine.
pub fn verify(contents: &Contents, reporter: &dyn Reporter) -> Result<Verified, CacheError> {
    let mut objects: Vec<&FoundObject> = contents
        .objects
        .values()
        .map(|object| &object.found)
        .collect();
    // If the largest one came last, it would keep one processor busy while all others wait.
    objects.sort_by_key(|object| std::cmp::Reverse(object.len));
    let total = objects.iter().map(|object| object.len.0).sum();
    reporter.started(Stage::Verify, Work::Bytes(Some(total)));
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let checked = parallel::map(&objects, n_cores, |object| {
        let checked = contents.files.check(&object.digest);
        reporter.report(Event::Advanced {
            stage: Stage::Verify,
            amount: object.len.0,
        });
        checked
    });
    reporter.finished(Stage::Verify, false);
    let mut verified = Verified::default();
    for (object, checked) in objects.into_iter().zip(checked) {
        let checked = checked.map_err(|source| CacheError::Store {
            path: contents.files.root().to_owned(),
            source,
        })?;
        if !matches!(checked, Checked::Gone) {
            verified.objects += 1;
            verified.len.0 += object.len.0;
        }
        if let Checked::Damaged { how, removed } = checked {
            verified.damaged.push(Damage {
                digest: object.digest,
                how,
                removed,
            });
        }
    }
    verified.damaged.sort_by_key(|damage| damage.digest);
    Ok(verified)
}

impl Verified {
    /// The error for damage, if there was any.
    ///
    /// # Errors
    ///
    /// Objects were damaged, or damaged objects could not be removed.
    pub fn verdict(self) -> Result<(), CacheError> {
        let (number, all) = (self.damaged.len(), self.objects);
        if number == 0 {
            return Ok(());
        }
        let kept = self.damaged.into_iter().filter_map(|it| it.removed.err());
        let kept: Vec<io::Error> = kept.collect();
        let number_kept = kept.len();
        match kept.into_iter().next() {
            Some(source) => Err(CacheError::Kept {
                number: number_kept,
                source,
            }),
            None => Err(CacheError::Damaged { number, all }),
        }
    }
}
