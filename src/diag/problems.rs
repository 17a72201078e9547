//! A bounded list of mistakes: the first ones, and a count of the others.

use super::Diagnostic;

/// The most mistakes that are kept and shown. A file may have a hundred thousand of them; its
/// author corrects the first ones and tries again.
pub const MAX_SHOWN: usize = 100;

/// The first [`MAX_SHOWN`] mistakes, in the order in which they were found, and a count of the
/// others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    first: Vec<Diagnostic>,
    rest: usize,
}

impl Problems {
    /// Adds a mistake. `words` is called only if the mistake will be shown, because the search for
    /// the nearest known word takes time.
    pub(crate) fn note(&mut self, words: impl FnOnce() -> Diagnostic) {
        match self.first.len() < MAX_SHOWN {
            true => self.first.push(words()),
            false => self.rest += 1,
        }
    }

    /// Adds all mistakes of `others`.
    pub(crate) fn append(&mut self, others: Problems) {
        for problem in others.first {
            self.note(|| problem);
        }
        self.rest += others.rest;
    }

    /// The mistakes that are shown.
    pub(crate) fn first(&self) -> &[Diagnostic] {
        &self.first
    }

    /// The number of mistakes that are not shown.
    pub(crate) fn rest(&self) -> usize {
        self.rest
    }

    /// Whether there is no mistake.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}
