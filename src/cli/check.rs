//! `imgbuild check`: shows all mistakes in board files.

use super::args::DefinitionArgs;
use super::failure::Failure;
use super::files;
use super::target::definitions;
use super::terminal::print_text;
use crate::define::{Board, Definitions};
use crate::diag::Diagnostics;
use crate::resolve::lint_archive_keys;
use std::path::Path;

/// Checks the boards `wanted`, which are names or files, or every board if none is given.
pub(super) fn boards(wanted: &[String], args: &DefinitionArgs) -> Result<(), Failure> {
    let definitions = definitions(args)?;
    let all = match wanted {
        [] => definitions.boards()?,
        named => named.to_vec(),
    };
    let mut diagnostics = Diagnostics::default();
    let mut sound = String::new();
    for name in &all {
        let Some(board) = board(&mut diagnostics, &definitions, name)? else {
            continue;
        };
        if lint_archive_keys(&mut diagnostics, &board) {
            sound += &format!("{}: no mistakes\n", board.name);
        }
    }
    print_text(&sound)?;
    match diagnostics.is_empty() {
        true => Ok(()),
        false => Err(diagnostics.into()),
    }
}

/// Reads a board by its file, if `wanted` has a slash or the extension `.toml`, or else by its name.
fn board(
    diagnostics: &mut Diagnostics,
    definitions: &Definitions,
    wanted: &str,
) -> Result<Option<Board>, Failure> {
    let path = Path::new(wanted);
    let is_file = wanted.contains('/') || path.extension().is_some_and(|ending| ending == "toml");
    if !is_file {
        return Ok(definitions.lint_board(diagnostics, wanted));
    }
    let text = files::read_text(path, files::MAX_TEXT).map_err(Failure::reading(path))?;
    let folder = path.parent().and_then(Path::file_name);
    let name = folder.map_or(wanted.into(), |name| name.to_string_lossy());
    Ok(Board::lint(diagnostics, &name, wanted, &text))
}
