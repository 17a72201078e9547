//! `triggers`: what packages declare and what dpkg's folder `triggers` holds.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 64 times the text and
//! 16 KiB; what is written back is read back to the same, and no file's name has a slash.

use super::limits::within;
use imgbuild::dpkg::database::Triggers;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within(text.len() * 64 + (16 << 10), || {
        let mut triggers = Triggers::default();
        if triggers.declare(text, "package").is_ok() {
            let files = triggers.files();
            let mut again = Triggers::default();
            for (name, content) in &files {
                assert!(!name.is_empty() && !name.contains('/'));
                again.read(name, content);
            }
            assert_eq!(again.files(), files);
        }
    });
}
