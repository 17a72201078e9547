//! The changes for a person who reads them on a terminal.

use super::section::{Row, Section};
use crate::inspect::Lines;

/// The most rows of a section, unless all are asked for.
const MAX_ROWS: usize = 200;

/// The sections as text. `verbose` has every row.
pub fn to_text(sections: &[Section], verbose: bool) -> String {
    let mut lines = Lines::default();
    for section in sections {
        let n_shown = match (verbose, section.is_minor) {
            (true, _) => section.rows.len(),
            (false, true) => 0,
            (false, false) => section.rows.len().min(MAX_ROWS),
        };
        let left = section.rows.len() - n_shown;
        let hidden = match section.is_minor && left > 0 {
            true => " (listed with --verbose)",
            false => "",
        };
        lines.add(&section.title, &format!("{}{hidden}", section.summary));
        for row in &section.rows[..n_shown] {
            lines.add("", &line(row));
        }
        if left > 0 && !section.is_minor {
            lines.add("", &format!("and {left} more (listed with --verbose)"));
        }
    }
    match sections.is_empty() {
        true => "no difference\n".to_owned(),
        false => lines.into_text(),
    }
}

fn line(row: &Row) -> String {
    let separator = if row.text.is_empty() { "" } else { ": " };
    let link = row.link.as_ref().map(|link| format!("  {link}"));
    format!(
        "{} {}{separator}{}{}",
        row.sign,
        row.name,
        row.text,
        link.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(n_rows: usize, is_minor: bool) -> Section {
        let row = |index| Row {
            sign: '+',
            name: format!("/x{index}"),
            text: "one\nline".to_owned(),
            link: None,
        };
        Section {
            title: "files".to_owned(),
            summary: format!("{n_rows} added"),
            rows: (0..n_rows).map(row).collect(),
            is_minor,
        }
    }

    #[test]
    fn a_row_is_a_line_and_long_lists_are_cut() {
        let text = to_text(&[section(1, false)], false);
        assert_eq!(
            text,
            "files          1 added\n               + /x0: one\\u{a}line\n"
        );
        let text = to_text(&[section(1000, false)], false);
        assert_eq!(text.lines().count(), MAX_ROWS + 2);
        assert!(text.ends_with("and 800 more (listed with --verbose)\n"));
        assert_eq!(to_text(&[section(1000, false)], true).lines().count(), 1001);
        let minor = to_text(&[section(9, true)], false);
        assert_eq!(minor, "files          9 added (listed with --verbose)\n");
        assert_eq!(to_text(&[], false), "no difference\n");
    }
}
