//! `configuration`: the configuration file of a user.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 1 MiB and 256 times the text.
//!
//! Input: the text of `config.toml`.

use super::limits::within;
use imgbuild::configuration::Configuration;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within((1 << 20) + text.len() * 256, || {
        if let Err(error) = Configuration::parse(text) {
            let _ = error.to_string();
        }
    });
}
