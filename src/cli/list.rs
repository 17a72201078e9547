//! `imgbuild list`: prints names and titles of definitions.

use super::args::DefinitionArgs;
use super::failure::Failure;
use super::target::definitions;
use super::terminal::{PrintError, print_json, print_text};
use crate::diag::Diagnostics;
use crate::specification;
use serde_json::json;

/// Prints rows of names and titles.
fn print(rows: &[(String, String)], json: bool) -> Result<(), PrintError> {
    let rows = rows.iter();
    if json {
        let rows = rows.map(|(name, title)| json!({ "name": name, "title": title }));
        return print_json(&rows.collect());
    }
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let rows = rows.map(|(name, title)| format!("{name:<width$}  {title}\n"));
    print_text(&rows.collect::<String>())
}

/// Prints every board.
pub(super) fn boards(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(args)?;
    let mut diagnostics = Diagnostics::default();
    let mut rows = Vec::new();
    for name in definitions.boards()? {
        if let Some(board) = definitions.board(&mut diagnostics, name.as_str()) {
            rows.push((name, board.title));
        }
    }
    match diagnostics.is_empty() {
        true => Ok(print(&rows, json)?),
        false => Err(diagnostics.into()),
    }
}

/// Prints every profile.
pub(super) fn profiles(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(args)?;
    let mut rows = Vec::new();
    for name in definitions.profiles()? {
        let profile = specification::profile(&definitions, &name)?;
        rows.push((name, profile.title));
    }
    Ok(print(&rows, json)?)
}
