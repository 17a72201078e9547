//! Repeats steps that failed because an object in the store is damaged or missing.

use super::open::Session;
use crate::event::Event;

/// The greatest number of attempts. Every failed attempt removes at least one damaged object from the store.
const ATTEMPTS: u32 = 16;

impl Session<'_> {
    /// Runs `steps`, and runs them again if an object of the store was damaged: the next attempt fetches or makes
    /// the object anew. Each damaged object is reported as a warning. After an error, all objects that were used
    /// are hashed, because a damaged copy in the store looks like a faulty input.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub fn retried<T, E>(&self, mut steps: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        for attempt in 1.. {
            let result = steps();
            if result.is_err() {
                // `take_lost` below gives the damaged objects that this finds.
                let _ = self.store.prove_used();
            }
            let lost = self.store.take_lost();
            for lost in &lost {
                let words = format!("{lost}; it is now fetched or made anew");
                self.options.reporter.report(Event::Warning(words));
            }
            if result.is_ok() || lost.is_empty() || attempt == ATTEMPTS {
                return result;
            }
        }
        unreachable!("the last attempt returns")
    }
}
