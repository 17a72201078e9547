//! `relation`: dependency expressions and versions.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 256 times the text and
//! 4 KiB; versions are ordered: each equals itself, and swapped they compare the other way round; names
//! are not empty and lie within the text.
//!
//! Input: an expression; versions are what its lines hold.

use super::limits::within;
use imgbuild::architecture::Architecture;
use imgbuild::dpkg::{relation, version};
use std::cmp::Ordering;

pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let memory = text.len() * 256 + (4 << 10);
    if let Ok(groups) = within(memory, || relation::parse(text)) {
        for relation in groups.iter().flat_map(|group| &group.0) {
            assert!(!relation.name.is_empty() && relation.name.len() <= text.len());
            let _ = relation.applies_to(Architecture::Arm64);
            let _ = relation
                .constraint
                .as_ref()
                .map(|it| it.admits("1:2.0~rc1-1"));
        }
    }
    let _ = within(memory, || relation::parse_one(text));
    let lines: Vec<&str> = text.lines().take(8).collect();
    for one in lines.iter().filter(|one| version::check(one).is_ok()) {
        assert_eq!(version::compare(one, one), Ordering::Equal);
        for other in lines.iter().filter(|other| version::check(other).is_ok()) {
            let order = version::compare(one, other);
            assert_eq!(version::compare(other, one), order.reverse());
        }
    }
}
