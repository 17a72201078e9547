//! `control`: deb822 text as packages, indices and dpkg's database have it.
//!
//! Invariant: whatever the text is, reading ends without a panic, in memory of 64 times the text and
//! 64 KiB; every field lies within the text and in order; a record that can be read is shown in a
//! form that is read back to the same form; an index has no more packages than the text has stanzas.

use super::limits::within;
use imgbuild::apt::index::{Index, Text};
use imgbuild::architecture::Architecture;
use imgbuild::dpkg::control::parse;
use imgbuild::dpkg::database::{Record, declared_conffiles};

pub fn run(input: &[u8]) {
    let _ = within(memory(input), || declared_conffiles(input));
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    within(memory(input), || stanzas(text));
    for read in [Index::packages, Index::status] {
        let index = within(memory(input), || {
            read("a", text.into(), Architecture::Amd64)
        });
        let Ok(index) = index else { continue };
        assert!(index.len() <= parse(text).count());
        for package in (0..index.len()).filter_map(|position| index.get(position)) {
            assert!(!package.name().is_empty());
            let _ = (package.source(), package.priority(), package.filename());
            for field in Text::RELATIONS {
                assert!(package.text(field).len() <= text.len());
            }
        }
    }
}

fn memory(input: &[u8]) -> usize {
    input.len() * 64 + (64 << 10)
}

fn stanzas(text: &str) {
    let (start, mut at) = (text.as_ptr() as usize, 0);
    for stanza in parse(text) {
        let Ok(stanza) = stanza else { return };
        for field in stanza.fields() {
            let name = field.name.as_ptr() as usize - start;
            let value = field.value.as_ptr() as usize - start;
            assert!(at <= name && name < value, "fields follow each other");
            at = value + field.value.len();
            assert!(at <= text.len());
            let _ = field.folded();
        }
        if let Ok(record) = Record::new(&stanza) {
            let shown = record.show();
            let shown = String::from_utf8(shown).expect("text is shown as text");
            let again = parse(&shown).next().expect("a record is a stanza");
            let again = Record::new(&again.expect("a well-formed one")).expect("a record");
            assert_eq!(String::from_utf8_lossy(&again.show()), shown);
        }
    }
}
