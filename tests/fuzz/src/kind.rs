//! `kind`: what one value of a setting is, for every kind that every profile has.
//!
//! Invariant: whatever the text is, reading it ends without a panic, in memory of 1 MiB and 256 times the
//! text. What was read is read again as the same, and no text is changed but those of kinds that people copy from
//! elsewhere, with blanks and lines around them.
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
        for kind in Kind::common() {
            if let Some(Value::Text(read)) = kind.read(&raw) {
                let again = kind.read(&Raw::Text(read.clone()));
                assert_eq!(again, Some(Value::Text(read.clone())), "{kind:?}");
                assert!(kind.rewrites() || read == text, "{kind:?}");
            }
            let _ = kind.problem(text);
        }
    });
}
