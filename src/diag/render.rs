//! Diagnostics as text for a person and as JSON for a program.

use super::{Diagnostic, Diagnostics, SourceMap};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

impl Diagnostics {
    /// Every diagnostic with its source lines, and how many there are.
    pub fn to_text(&self, color: bool) -> String {
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
        let plural = if sorted.len() == 1 { "" } else { "s" };
        text + &format!("{} mistake{plural} found\n", sorted.len())
    }

    /// A JSON array of objects with `code`, `title`, `labels` (file, line, column, text) and `help`.
    pub fn to_json(&self) -> Value {
        let list = self.sorted().into_iter().map(|diagnostic| {
            let labels = diagnostic.labels.iter().map(|label| {
                let file = label.span.file;
                let start = self.sources.position(file, label.span.range.start);
                let end = self.sources.position(file, label.span.range.end);
                json!({
                    "file": self.sources.name(file),
                    "line": start.line,
                    "column": start.column,
                    "end-line": end.line,
                    "end-column": end.column,
                    "text": label.text,
                })
            });
            json!({
                "code": diagnostic.code,
                "title": diagnostic.title,
                "labels": labels.collect::<Vec<_>>(),
                "help": diagnostic.help,
            })
        });
        Value::Array(list.collect())
    }
}

fn one(renderer: &Renderer, sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let mut group = Level::ERROR
        .primary_title(diagnostic.title.as_str())
        .id(diagnostic.code)
        .elements(std::iter::empty::<annotate_snippets::Element<'_>>());
    let mut files = Vec::new();
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let mut snippet = Snippet::source(sources.text(file)).path(sources.name(file));
        let labels = diagnostic.labels.iter().enumerate();
        for (index, label) in labels.filter(|(_, label)| label.span.file == file) {
            let kind = match index {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            let annotation = kind.span(label.span.range.clone());
            snippet = snippet.annotation(match label.text.as_str() {
                "" => annotation,
                text => annotation.label(text),
            });
        }
        group = group.element(snippet);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
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
        insta::assert_snapshot!(overlap().to_text(false), @r#"
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
    fn json_counts_lines_and_columns_from_1() {
        let json = overlap().to_json();
        assert_eq!(json[0]["labels"][0]["line"], 3);
        assert_eq!(json[0]["labels"][0]["column"], 9);
        assert_eq!(json[0]["labels"][0]["file"], "boards/x/board.toml");
        assert_eq!(json[0]["help"][0], "start `b` later");
    }
}
