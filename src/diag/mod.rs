//! Diagnostics: the mistakes in the user's own files and flags. They are collected, and each is
//! shown with its place and with help.
//!
//! A [`Diagnostic`] is about text that the user wrote. A failure of the environment (network, disk,
//! a damaged input) is an error enum of the module that meets it.
//!
//! The output is bounded: it has the first hundred mistakes and a count, each mistake takes a few
//! lines, and the work grows with the length of the sources and not with its square. All of it is
//! [`Visible`].

mod diagnostic;
mod problems;
mod render;
mod source;
mod suggest;
mod visible;

pub use diagnostic::{Diagnostic, Label};
pub use problems::MAX_SHOWN;
pub(crate) use problems::Problems;
pub use source::{FileId, Located, SourceMap, Span};
pub use suggest::nearest;
pub use visible::{Visible, visible, visible_json, visible_name};

use std::fmt;

/// All mistakes that were found, with the sources in which they are.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The files and flags to which the spans refer.
    pub sources: SourceMap,
    problems: Problems,
    remarks: Vec<String>,
}

impl Diagnostics {
    /// Adds a mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.note(|| diagnostic);
    }

    /// Adds a mistake. `words` is called only if the mistake will be shown.
    pub fn note(&mut self, words: impl FnOnce() -> Diagnostic) {
        self.problems.note(words);
    }

    /// Adds the mistakes of one file.
    pub(crate) fn append(&mut self, problems: Problems) {
        self.problems.append(problems);
    }

    /// Adds a remark: a fact that is not a mistake but that the user should know. The same remark
    /// is kept once.
    pub fn remark(&mut self, text: String) {
        if !self.remarks.contains(&text) {
            self.remarks.push(text);
        }
    }

    /// The remarks, in the order in which they came.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The mistakes that are shown, in the order of their sources and places, each once.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut list: Vec<&Diagnostic> = Vec::new();
        for diagnostic in self.problems.first() {
            if !list.contains(&diagnostic) {
                list.push(diagnostic);
            }
        }
        list.sort_by_key(|diagnostic| {
            let span = diagnostic.labels.first().map(|label| &label.span);
            span.map(|span| (span.file, span.range.start))
        });
        list
    }

    /// Whether there is no mistake.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(false).fmt(f)
    }
}

impl std::error::Error for Diagnostics {}
