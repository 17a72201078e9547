//! One mistake: what is wrong, where, and what to do.

use super::Span;
use super::suggest::nearest;

/// The most known words that a line of help lists.
const FEW: usize = 16;

/// A place in a source, with a text about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What the place holds, or what was expected there. It may be empty.
    pub text: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable name, `area::rule`.
    pub code: &'static str,
    /// The mistake, in one line.
    pub title: String,
    /// The places: the first is that of the mistake, the others explain it.
    pub labels: Vec<Label>,
    /// Lines that say how to correct the mistake.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Makes a diagnostic that has no place yet.
    pub fn new(code: &'static str, title: impl Into<String>) -> Self {
        Self {
            code,
            title: title.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a place.
    #[must_use]
    pub fn label(mut self, span: &Span, text: impl Into<String>) -> Self {
        let (span, text) = (span.clone(), text.into());
        self.labels.push(Label { span, text });
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a line of help that names the `known` word nearest to `word`, or all known words if
    /// they are few.
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
