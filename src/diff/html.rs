//! The changes as one page. It needs nothing else, not even a script; only the links to changelogs lead elsewhere.

use super::section::{Row, Section};
use crate::inspect::{STYLE, escape};

/// The rows of a section that is not folded.
const LONG: usize = 12;
/// The most rows of a section.
const MAX_ROWS: usize = 5000;
const MARKS: &str = "\
td.sign{width:1rem;font-weight:600}tr.added td.sign{color:#1a7f37}tr.removed td.sign{color:#b00020}
tr.changed td.sign{color:#9a6700}td.name{width:38%}
";

/// The page about the difference between `before` and `after`.
pub fn to_html(sections: &[Section], before: &str, after: &str) -> String {
    let (before, after) = (escape(before), escape(after));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{before} and {after}</title>\n\
         <style>\n{STYLE}{MARKS}</style>\n<h1>{before} → {after}</h1>\n"
    );
    if sections.is_empty() {
        page += "<p>There is no difference.</p>\n";
    } else {
        page += &overview(sections);
    }
    for (index, section) in sections.iter().enumerate() {
        page += &table(index, section);
    }
    page + "</html>\n"
}

/// How many changes there are of each kind, with links to them.
fn overview(sections: &[Section]) -> String {
    let row = |(index, section): (usize, &Section)| {
        let title = escape(&section.title);
        let summary = escape(&section.summary);
        format!("<tr><td><a href=\"#section-{index}\">{title}</a></td><td>{summary}</td></tr>\n")
    };
    let rows: String = sections.iter().enumerate().map(row).collect();
    format!("<table>\n<tr><th>compared</th><th>differences</th></tr>\n{rows}</table>\n")
}

fn table(index: usize, section: &Section) -> String {
    let rows = section.rows.iter().take(MAX_ROWS);
    let rows: String = rows.map(table_row).collect();
    let left = section.rows.len().saturating_sub(MAX_ROWS);
    let more = match left {
        0 => String::new(),
        left => format!("<p>And {left} more, which --json prints.</p>\n"),
    };
    let head = "<tr><th></th><th>name</th><th>difference</th></tr>";
    let table = format!("<table>\n{head}\n{rows}</table>\n{more}");
    let (title, summary) = (escape(&section.title), escape(&section.summary));
    match section.is_minor || section.rows.len() > LONG {
        true => format!(
            "<details id=\"section-{index}\"{}><summary>{title}: {summary}</summary>\n{table}</details>\n",
            if section.is_minor { "" } else { " open" }
        ),
        false => format!("<h2 id=\"section-{index}\">{title}</h2>\n{table}"),
    }
}

fn table_row(row: &Row) -> String {
    let class = match row.sign {
        '+' => "added",
        '-' => "removed",
        '!' => "fault",
        _ => "changed",
    };
    let link = row.link.as_ref().map(|link| {
        let link = escape(link);
        format!(" <a href=\"{link}\" rel=\"noreferrer\">changelog</a>")
    });
    format!(
        "<tr class=\"{class}\"><td class=\"sign\">{}</td><td class=\"name\">{}</td><td>{}{}</td></tr>\n",
        escape(&row.sign.to_string()),
        escape(&row.name),
        escape(&row.text),
        link.unwrap_or_default()
    )
}
