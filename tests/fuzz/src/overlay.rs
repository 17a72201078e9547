//! `overlay`: an overlay's file with its rules and conditions, and the files that they are about.
//!
//! Invariant: whatever they are, reading and showing what is wrong end without a panic, in memory of 8 MiB
//! and 1,024 times the input; what is refused is refused with a reason, what is shown has no control
//! characters; no path leaves the tree.
//!
//! Input: `overlay.toml`, and behind a NUL each the path and the bytes of files, as a folder can have them.

use super::limits::within;
use super::shown::{memory, shown};
use imgbuild::define::Overlay;
use imgbuild::diag::Diagnostics;

pub fn run(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let Some(Ok(text)) = parts.next().map(std::str::from_utf8) else {
        return;
    };
    let mut files = Vec::new();
    while let (Some(path), Some(bytes)) = (parts.next(), parts.next()) {
        match std::str::from_utf8(path) {
            Ok(path) if path.split('/').all(is_name) => files.push((path, bytes)),
            _ => return,
        }
    }
    within(memory(text) + input.len() * 1024, || {
        let mut diagnostics = Diagnostics::default();
        let overlay = Overlay::of_files(&mut diagnostics, text, &files);
        assert_eq!(overlay.is_some(), diagnostics.is_empty());
        shown(&diagnostics);
        for file in overlay.iter().flat_map(|overlay| &overlay.files) {
            assert!(file.path.split_last().is_some());
            assert!(file.ownership.mode <= 0o7777);
            let _ = file.settings();
        }
    });
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 255
}
