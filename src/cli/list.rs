//! `imgbuild list`: names and titles.

use super::args::DefinitionArgs;
use super::failure::Failure;
use super::target::definitions;
use super::terminal::{PrintError, print_json, print_text};
use crate::diag::Diagnostics;
use crate::specification;
use serde_json::json;

/// Names and titles.
struct Listing(Vec<(String, String)>);

impl Listing {
    fn print(&self, json: bool) -> Result<(), PrintError> {
        if json {
            let rows = self
                .0
                .iter()
                .map(|(name, title)| json!({ "name": name, "title": title }));
            return print_json(&rows.collect());
        }
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let rows = self
            .0
            .iter()
            .map(|(name, title)| format!("{name:<width$}  {title}\n"));
        print_text(&rows.collect::<String>())
    }
}

/// Prints every board.
pub(super) fn boards(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(&args.definitions);
    let mut diagnostics = Diagnostics::default();
    let mut rows = Vec::new();
    for name in definitions.boards()? {
        if let Some(board) = definitions.board(&mut diagnostics, name.as_str()) {
            rows.push((name, board.title));
        }
    }
    match diagnostics.is_empty() {
        true => Ok(Listing(rows).print(json)?),
        false => Err(diagnostics.into()),
    }
}

/// Prints every profile.
pub(super) fn profiles(args: &DefinitionArgs, json: bool) -> Result<(), Failure> {
    let definitions = definitions(&args.definitions);
    let mut rows = Vec::new();
    for name in definitions.profiles()? {
        let profile = specification::profile(&definitions, &name)?;
        rows.push((name, profile.title));
    }
    Ok(Listing(rows).print(json)?)
}
