//! `kind`: what one value of a setting is, for every kind.
//!
//! Invariant: whatever the text is, reading it ends without a panic, in memory of 1 MiB and 256 times the
//! text; a text that is taken is not changed, but for numbers and truths.
//!
//! Input: the text.

use super::limits::within;
use imgbuild::define::{Kind, Raw, Value};

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let raw = Raw::Text(text.to_owned());
    within((1 << 20) + text.len() * 256, || {
        for (_, kind) in Kind::WORDS {
            if let Some(Value::Text(read)) = kind.read(&raw) {
                assert_eq!(read, text);
            }
            let _ = kind.problem(text);
        }
    });
}
