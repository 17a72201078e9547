//! What the targets of definitions ask of everything that is said about them.

use imgbuild::diag::{Diagnostics, MAX_SHOWN, visible};

/// How much the reading of `text` may take.
pub fn memory(text: &str) -> usize {
    (8 << 20) + text.len() * 1024
}

/// Whatever is wrong is shown without control characters, in few lines, and counted.
pub fn shown(diagnostics: &Diagnostics) {
    let text = diagnostics.to_string();
    assert_eq!(visible(&text), text, "it is visible");
    assert!(diagnostics.sorted().len() <= MAX_SHOWN);
}
