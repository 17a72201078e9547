//! What is wrong in a person's own files and flags: collected, with the place, and with help.
//!
//! A [`Diagnostic`] is about words that someone wrote. Failures of the world (network, disk, a
//! corrupt input) are error enums of the modules that meet them.

//!
//! What is shown is bounded: the first hundred mistakes and a count, each within a few lines, at a cost
//! that grows with the length of the sources and not with its square. And it is [`Visible`].

mod problems;
mod render;
mod source;
mod suggest;
mod visible;

pub use problems::MAX_SHOWN;
pub(crate) use problems::Problems;
pub use source::{FileId, Located, Position, SourceMap, Span};
pub use suggest::nearest;
pub use visible::{Visible, visible, visible_json, visible_name};

use std::fmt;

/// As many known words as a line of help lists.
const FEW: usize = 12;

/// A place in a source and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, or what was expected; may be empty.
    pub text: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable name, `area::rule`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub title: String,
    /// Where; the first is the place of the mistake, the others explain it.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake without a place yet.
    pub fn new(code: &'static str, title: impl Into<String>) -> Self {
        Self {
            code,
            title: title.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// With a further place.
    #[must_use]
    pub fn label(mut self, span: &Span, text: impl Into<String>) -> Self {
        let (span, text) = (span.clone(), text.into());
        self.labels.push(Label { span, text });
        self
    }

    /// With a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// With the help that names the `known` word nearest to `word`, or all of them if they are few.
    #[must_use]
    pub fn suggest<'k>(self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        if let Some(near) = nearest(word, known.iter().copied()) {
            return self.help(format!("did you mean `{near}`?"));
        }
        if !(1..=FEW).contains(&known.len()) {
            return self;
        }
        let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        self.help(format!("known are {}", list.join(", ")))
    }
}

/// Every mistake that was found, with the sources that they point into.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The files and flags that the spans mean.
    pub sources: SourceMap,
    problems: Problems,
    remarks: Vec<String>,
}

impl Diagnostics {
    /// Takes note of a mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.note(|| diagnostic);
    }

    /// Takes note of a mistake, which is put into words only if it will be shown.
    pub fn note(&mut self, words: impl FnOnce() -> Diagnostic) {
        self.problems.note(words);
    }

    /// Takes note of the mistakes of one file.
    pub(crate) fn append(&mut self, problems: Problems) {
        self.problems.append(problems);
    }

    /// Takes note of something that is no mistake, and that a person should know of; once each.
    pub fn remark(&mut self, text: String) {
        if !self.remarks.contains(&text) {
            self.remarks.push(text);
        }
    }

    /// What a person should know of beside mistakes.
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

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many mistakes there are.
    pub fn len(&self) -> usize {
        self.problems.first().len() + self.problems.rest()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(false).fmt(f)
    }
}

impl std::error::Error for Diagnostics {}
