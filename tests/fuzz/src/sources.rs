//! `sources`: apt's lists of archives, which a host or a base image has.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 64 times the text and
//! 64 KiB, and each entry names a type, an address and a suite or holds empty lists of them.

use super::limits::within;
use imgbuild::apt::mirrors::discover_mirrors;
use imgbuild::apt::sources::{expand_mirror_lists, parse_list, parse_sources};

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let memory = text.len() * 64 + (64 << 10);
    for parse in [parse_list, parse_sources] {
        within(memory, || {
            let Ok(mut entries) = parse(text) else { return };
            assert!(entries.len() <= text.len());
            expand_mirror_lists(&mut entries, |_| {
                Some("https://deb.example/debian\n".into())
            });
            let _ = discover_mirrors(&entries);
        });
    }
}
