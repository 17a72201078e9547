//! Diagnostics as text for a person.

use super::visible::{Visible, picture, visible};
use super::{Diagnostic, Diagnostics, SourceMap};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;

/// The longest title, label or line of help, in bytes. A name in a file may have a megabyte.
const MAX_WORDS: usize = 1000;

impl Diagnostics {
    /// The first hundred diagnostics with their source lines, and the number of all.
    pub fn render(&self, color: bool) -> Visible {
        let renderer = match color {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let sorted = self.sorted();
        let mut text = String::new();
        for diagnostic in &sorted {
            text.push_str(&one(&renderer, &self.sources, diagnostic));
            text.push_str("\n\n");
        }
        text += &match (sorted.len(), self.problems.rest()) {
            (1, 0) => "1 mistake found\n".to_owned(),
            (shown, 0) => format!("{shown} mistakes found\n"),
            (shown, rest) => format!(
                "{} mistakes found; the first {shown} are shown\n",
                shown + rest
            ),
        };
        Visible::rendered(text)
    }
}

fn one(renderer: &Renderer, sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let mut group = Level::ERROR
        .primary_title(words(&diagnostic.title))
        .id(diagnostic.code)
        .elements(std::iter::empty::<annotate_snippets::Element<'_>>());
    let mut files = Vec::new();
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let labels = diagnostic.labels.iter().enumerate();
        let labels: Vec<_> = labels
            .filter(|(_, label)| label.span.file == file)
            .collect();
        let ranges = labels.iter().map(|(_, label)| label.span.range.clone());
        let window = Window::around(sources.text(file), ranges.collect());
        let mut snippet = Snippet::source(window.text)
            .line_start(window.first_line)
            .path(words(sources.name(file)));
        for ((index, label), range) in labels.into_iter().zip(window.ranges) {
            let kind = match index {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            let annotation = kind.span(range);
            snippet = snippet.annotation(match label.text.as_str() {
                "" => annotation,
                text => annotation.label(words(text)),
            });
        }
        group = group.element(snippet);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(words(help)));
    }
    renderer.render(&[group])
}

/// Makes `text` visible and cuts it to the greatest length.
fn words(text: &str) -> String {
    let mut ends = (0..=MAX_WORDS.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", visible(&text[..end]))
}

/// The lines of a source to which labels refer. Only these are given to the renderer, because it
/// reads all of its input for each diagnostic.
struct Window {
    /// The lines, in which each hidden character is replaced by one visible character, so that
    /// columns stay the same.
    text: String,
    /// The number of the first of them, from 1.
    first_line: usize,
    /// The places of the labels in `text`.
    ranges: Vec<Range<usize>>,
}

impl Window {
    fn around(source: &str, ranges: Vec<Range<usize>>) -> Self {
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        let (start, end) = (start.min(source.len()), end.min(source.len()));
        let bytes = source.as_bytes();
        let newline = |byte: &u8| *byte == b'\n';
        let from = bytes[..start].iter().rposition(newline);
        let from = from.map_or(0, |newline| newline + 1);
        let to = bytes[end..].iter().position(newline);
        let to = to.map_or(source.len(), |newline| end + newline + 1);
        let first_line = bytes[..from].iter().filter(|byte| newline(byte)).count() + 1;
        let (mut text, mut moved) = (String::with_capacity(to - from), Vec::new());
        for (at, letter) in source[from..to].char_indices() {
            let picture = match letter {
                // The renderer ends a line at `\r\n` too.
                '\r' if source[from + at..].starts_with("\r\n") => letter,
                letter => picture(letter),
            };
            if picture.len_utf8() != letter.len_utf8() {
                moved.push((
                    at + letter.len_utf8(),
                    picture.len_utf8(),
                    letter.len_utf8(),
                ));
            }
            text.push(picture);
        }
        let place = |at: usize| {
            let at = at.clamp(from, to) - from;
            let before = moved.iter().take_while(|(end, ..)| *end <= at);
            before.fold(at, |at, (_, now, was)| at + now - was)
        };
        let ranges = ranges
            .iter()
            .map(|range| place(range.start)..place(range.end));
        Self {
            first_line,
            ranges: ranges.collect(),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Span;
    use super::*;

    fn overlap() -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let text = "[disk]\nsize = \"1MiB\"\nstart = \"0\"\n";
        let file = diagnostics.sources.add("boards/x/board.toml", text);
        let span = |range| Span { file, range };
        diagnostics.push(
            Diagnostic::new("layout::overlap", "`b` overlaps `a`")
                .label(&span(29..32), "`b` starts here")
                .label(&span(14..20), "")
                .help("start `b` later"),
        );
        diagnostics
    }

    #[test]
    fn text_shows_file_line_caret_and_help() {
        insta::assert_snapshot!(overlap(), @r#"
        error[layout::overlap]: `b` overlaps `a`
         --> boards/x/board.toml:3:9
          |
        2 | size = "1MiB"
          |        ------
        3 | start = "0"
          |         ^^^ `b` starts here
          |
          = help: start `b` later

        1 mistake found
        "#);
    }

    #[test]
    fn hidden_characters_are_shown_and_move_no_caret() {
        let mut diagnostics = Diagnostics::default();
        let text = "\u{feff}a = 1\nb\u{1b}[31m\u{202e} = \"x\" # \u{9b}\nc = 1\n";
        let file = diagnostics.sources.add("p\u{1b}[2J/x.toml", text);
        let start = text.find("\"x\"").unwrap();
        let span = Span {
            file,
            range: start..start + 3,
        };
        let title = "not `\u{1b}[2J`\rfine";
        diagnostics.push(
            Diagnostic::new("a::b", title)
                .label(&span, "\u{7}")
                .help("\u{202e}"),
        );
        insta::assert_snapshot!(diagnostics, @r#"
        error[a::b]: not `\u{1b}[2J`\u{d}fine
         --> p\u{1b}[2J/x.toml:2:11
          |
        2 | b␛[31m� = "x" # �
          |           ^^^ \u{7}
          |
          = help: \u{202e}

        1 mistake found
        "#);
        let styled = diagnostics.render(true).to_string();
        let colours = styled.replace("\u{1b}[", "");
        assert!(!colours.contains('\u{1b}'), "{styled:?}");
    }

    #[test]
    fn a_hundred_mistakes_are_shown_and_the_rest_is_counted() {
        let mut diagnostics = Diagnostics::default();
        let text: String = (0..100_000).map(|n| format!("k{n} = 1\n")).collect();
        let file = diagnostics.sources.add("x.toml", text.as_str());
        for (at, _) in text.match_indices('k') {
            let span = Span {
                file,
                range: at..at + 1,
            };
            let title = format!("unknown {at} {}", "x".repeat(5000));
            diagnostics.note(|| Diagnostic::new("a::b", title).label(&span, ""));
        }
        let shown = diagnostics.to_string();
        assert!(shown.ends_with("100000 mistakes found; the first 100 are shown\n"));
        assert_eq!(shown.matches("error[a::b]").count(), 100);
        assert!(shown.len() < 200_000, "{} bytes", shown.len());
        assert!(shown.contains("x.toml:100:1"), "{shown}");
    }
}
