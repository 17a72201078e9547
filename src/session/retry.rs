//! What a session does about a store that has lost something.

use super::open::Session;
use crate::event::Event;

/// How often steps are tried that have found something damaged in the store. Each time at least one damaged
/// object is gone.
const ATTEMPTS: u32 = 16;

impl Session<'_> {
    /// The result of `steps`, which are taken again where they failed because of what the store has lost: it
    /// is fetched or made anew then. What was lost is reported as a warning. An error is believed only once
    /// everything that was used is known to be in order: a damaged base may as well be a sound one of which the
    /// store has lost a bit.
    ///
    /// # Errors
    /// Where the last attempt of `steps` failed.
    pub fn retried<T, E>(&self, mut steps: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        for attempt in 1.. {
            let result = steps();
            if result.is_err() {
                // What is wrong stands in the list of what was lost.
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
