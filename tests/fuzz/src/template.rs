//! `template`: a template of an overlay, rendered here and carried to the device.
//!
//! Invariant: whatever the text is, rendering and compiling it end without a panic, in memory of 128 MiB
//! (one rendering makes at most 16); what is refused names the file.
//!
//! Input: the text of a template, which sees a few settings.

use super::limits::within;
use imgbuild::template::{self, syntax};
use serde_json::json;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let numbers: Vec<u32> = (0..1000).collect();
    let context = json!({
        "settings": {
            "a": "x'y\"&<", "b": true, "c": null, "n": 80, "cidr": "192.168.42.1/24", "list": ["a", "b"],
            "big": numbers, "servers": [{ "name": "w", "port": 1, "tags": ["x"] }],
        },
        "image": { "name": "x" },
    });
    within(128 << 20, || {
        if let Err(error) = template::render("x.hbs", text, &context) {
            assert!(error.to_string().contains("x.hbs"));
        }
        if let Err(error) = syntax::of("x.hbs", text) {
            assert!(error.to_string().contains("x.hbs"));
        }
    });
}
