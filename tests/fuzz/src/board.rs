//! `board`: a board's file.
//!
//! Invariant: whatever the text is, reading, linting and showing what is wrong end without a panic, in
//! memory of 8 MiB and 1,024 times the text; what is refused is refused with a reason, what is shown has no
//! control characters.
//!
//! Input: the text of `board.toml`.

use super::limits::within;
use super::shown::{memory, shown};
use imgbuild::define::Board;
use imgbuild::diag::Diagnostics;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within(memory(text), || {
        let mut diagnostics = Diagnostics::default();
        let board = Board::parse(&mut diagnostics, "x", "boards/x/board.toml", text);
        assert_eq!(board.is_some(), diagnostics.is_empty());
        shown(&diagnostics);
        if let Some(board) = board {
            let _ = (
                board.root(),
                board.file_packages(),
                board.third_party_packages(),
                board.downloads(),
            );
        }
        let mut diagnostics = Diagnostics::default();
        let _ = Board::lint(&mut diagnostics, "x", "boards/x/board.toml", text);
        shown(&diagnostics);
    });
}
