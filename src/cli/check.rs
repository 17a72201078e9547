//! `imgbuild check`: mistakes in board files, all at once, with their places.

use super::args::DefinitionArgs;
use super::build::definitions;
use super::failure::Failure;
use super::{given, print_text};
use crate::apt::repository::Freshness;
use crate::define::{Board, Definitions};
use crate::diag::{Diagnostic, Diagnostics};
use crate::resolve::third_party_archive;
use std::error::Error;
use std::path::Path;

/// Checks `wanted`, names or files, or every board there is.
pub(super) fn boards(wanted: &[String], args: &DefinitionArgs) -> Result<(), Failure> {
    let definitions = definitions(&args.definitions);
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
        if keys_are_sound(&mut diagnostics, &board) {
            sound += &format!("{}: no mistakes\n", board.name);
        }
    }
    print_text(&sound)?;
    match diagnostics.is_empty() {
        true => Ok(()),
        false => Err(diagnostics.into()),
    }
}

/// What has a slash or ends as files of boards do is a file; everything else is a name.
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
    let text = given::read_text(path, given::MAX_TEXT);
    let text = text.map_err(|source| Failure::UserFile {
        path: path.to_owned(),
        source,
    })?;
    let folder = path.parent().and_then(Path::file_name);
    let name = folder.map_or(wanted.into(), |name| name.to_string_lossy());
    Ok(Board::lint(diagnostics, &name, wanted, &text))
}

/// Whether every archive of `board` has the key that its fingerprint names.
fn keys_are_sound(diagnostics: &mut Diagnostics, board: &Board) -> bool {
    let mut sound = true;
    for archive in &board.archives {
        if let Err(error) = third_party_archive(archive, Freshness::Checked) {
            sound = false;
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            diagnostics.push(
                Diagnostic::new("board::archive-key", error.to_string())
                    .label(&archive.key.span, cause),
            );
        }
    }
    sound
}
