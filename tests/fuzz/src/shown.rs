//! The checks of messages that the targets of definitions share.

use imgbuild::diag::{Diagnostics, MAX_SHOWN, visible};

/// The memory that the reading of `text` may take.
pub fn memory(text: &str) -> usize {
    (8 << 20) + text.len() * 1024
}

/// Checks that every mistake is shown without control characters and in few lines, and is counted.
pub fn shown(diagnostics: &Diagnostics) {
    let text = diagnostics.to_string();
    assert_eq!(visible(&text), text, "it is visible");
    assert!(diagnostics.sorted().len() <= MAX_SHOWN);
}
