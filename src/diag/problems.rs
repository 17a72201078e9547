//! The first mistakes of a source, and how many there are.

use super::Diagnostic;

/// As many mistakes as are kept and shown. A file may have a hundred thousand; a person mends the first
/// ones and looks again.
pub const MAX_SHOWN: usize = 100;

/// Mistakes in the order in which they were met: the first [`MAX_SHOWN`], and a count of the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    first: Vec<Diagnostic>,
    rest: usize,
}

impl Problems {
    /// Takes note of a mistake. It is put into words only if it will be shown, for a search for the
    /// nearest known word costs time.
    pub(crate) fn note(&mut self, words: impl FnOnce() -> Diagnostic) {
        match self.first.len() < MAX_SHOWN {
            true => self.first.push(words()),
            false => self.rest += 1,
        }
    }

    /// Takes note of all of `others`.
    pub(crate) fn append(&mut self, others: Problems) {
        for problem in others.first {
            self.note(|| problem);
        }
        self.rest += others.rest;
    }

    /// Those that are shown.
    pub(crate) fn first(&self) -> &[Diagnostic] {
        &self.first
    }

    /// How many are not.
    pub(crate) fn rest(&self) -> usize {
        self.rest
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}
