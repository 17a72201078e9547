//! The texts that diagnostics point into: definition files, settings files and flags.

use std::ops::Range;

/// The number of a source in its [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// A stretch of one source, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The source.
    pub file: FileId,
    /// The first byte, and the byte after the last.
    pub range: Range<usize>,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Located<T> {
    /// Puts `value` in the place of the old value.
    pub fn with<U>(&self, value: U) -> Located<U> {
        let span = self.span.clone();
        Located { value, span }
    }
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

/// Every source that was read, in reading order.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// Adds a source. `name` is its path, or a description of a text that is not a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let (name, text) = (name.into(), text.into());
        self.sources.push(Source { name, text });
        FileId(self.sources.len() - 1)
    }

    /// The path or the name of a source.
    pub fn name(&self, file: FileId) -> &str {
        &self.sources[file.0].name
    }

    /// Its text.
    pub fn text(&self, file: FileId) -> &str {
        &self.sources[file.0].text
    }

    /// The span of a whole source.
    pub fn whole(&self, file: FileId) -> Span {
        let range = 0..self.text(file).len();
        Span { file, range }
    }

    /// Overwrites a span with `*`, so that no message can show it. All other places stay the same.
    pub fn mask(&mut self, span: &Span) {
        let text = &mut self.sources[span.file.0].text;
        let Some(covered) = text.get(span.range.clone()) else {
            return;
        };
        let stars: String = covered
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { '*' })
            .collect();
        text.replace_range(span.range.clone(), &stars);
    }

    /// The line of byte `offset`, from 1.
    pub fn line(&self, file: FileId, offset: usize) -> usize {
        let text = self.text(file);
        let before = text.get(..offset).unwrap_or(text);
        before.matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_1() {
        let mut sources = SourceMap::default();
        let file = sources.add("x", "a\nüb\n");
        assert_eq!(
            [0, 4, 99].map(|offset| sources.line(file, offset)),
            [1, 2, 3]
        );
    }

    #[test]
    fn a_masked_stretch_keeps_its_length() {
        let mut sources = SourceMap::default();
        let file = sources.add("x", "key = \"gehürn\"\nb");
        sources.mask(&Span { file, range: 6..15 });
        assert_eq!(sources.text(file), "key = *********\nb");
    }
}
