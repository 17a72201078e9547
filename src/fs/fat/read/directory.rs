//! The entries of a directory: 8.3 names, and the long names before them.
//!
//! They are read as Linux reads them: long entries that do not belong to the 8.3 entry behind them
//! are ignored. But the first entry of zeros ends a directory, as for Windows, mtools and firmware,
//! where Linux reads on into entries that were never cleared.

use crate::epoch::{self, Timestamp};
use crate::fs::fat::codepage;
use crate::fs::fat::format::*;
use crate::fs::fat::shape::Label;
use crate::tree::Name;

/// The first byte of a deleted entry.
const DELETED: u8 = 0xe5;
const MAX_LONG_ENTRIES: u8 = 20;
/// The bits by which Windows NT marks an 8.3 name with a base or an extension in lower case.
const LOWER_BASE: u8 = 0x08;
const LOWER_EXTENSION: u8 = 0x10;

/// One file or directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name, or an escaped form of one that Linux cannot have.
    pub(super) name: Result<Name, String>,
    pub(super) is_directory: bool,
    pub(super) is_read_only: bool,
    pub(super) first_cluster: u32,
    pub(super) len: u32,
    pub(super) mtime: Timestamp,
}

/// The content of a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// The first volume label, which has a meaning in the root only.
    pub(super) label: Option<Label>,
}

/// Reads the directory in `bytes`. Numbers of clusters have an upper half `on_fat32` only.
pub(super) fn list(bytes: &[u8], on_fat32: bool) -> Listing {
    let mut listing = Listing::default();
    let mut long: Option<Long> = None;
    for slot in bytes.as_chunks::<ENTRY_SIZE>().0 {
        match (slot[0], slot[11]) {
            (0, _) => break,
            (DELETED, _) => long = None,
            (_, ATTR_LONG_NAME) => long = Long::next(long, slot),
            (_, attributes) if attributes & ATTR_VOLUME_LABEL != 0 => {
                long = None;
                let bytes = *short(slot);
                let time = time(slot);
                listing.label = listing.label.or(Some(Label { bytes, time }));
            }
            _ => {
                let units = long.take().and_then(|long| long.of(slot));
                if ![DOT, DOT_DOT].contains(&short(slot)) {
                    listing.entries.push(entry(slot, units, on_fat32));
                }
            }
        }
    }
    listing
}

/// The 8.3 name of an entry.
fn short(slot: &[u8; ENTRY_SIZE]) -> &Short {
    slot.first_chunk().expect("an entry has 32 bytes")
}

fn word(slot: &[u8; ENTRY_SIZE], at: usize) -> u16 {
    u16::from_le_bytes([slot[at], slot[at + 1]])
}

fn entry(slot: &[u8; ENTRY_SIZE], units: Option<Vec<u16>>, on_fat32: bool) -> Entry {
    let high = if on_fat32 { word(slot, 20) } else { 0 };
    let text = match units {
        None => Ok(short_name(slot)),
        Some(units) => String::from_utf16(&units).map_err(|_| String::from_utf16_lossy(&units)),
    };
    let name = text
        .and_then(|text| Name::new(text.as_bytes()).map_err(|_| text.escape_default().to_string()));
    Entry {
        name,
        is_directory: slot[11] & ATTR_DIRECTORY != 0,
        is_read_only: slot[11] & ATTR_READ_ONLY != 0,
        first_cluster: u32::from(high) << 16 | u32::from(word(slot, 26)),
        len: u32::from_le_bytes(slot[28..].try_into().expect("4 bytes")),
        mtime: time(slot),
    }
}

/// `NAME.EXT`, each half in lower case where the entry says so.
fn short_name(slot: &[u8; ENTRY_SIZE]) -> String {
    let half = |bytes: &[u8], lower: u8| -> String {
        let end = bytes.iter().rposition(|byte| *byte != b' ');
        let bytes = &bytes[..end.map_or(0, |last| last + 1)];
        let bytes = bytes.iter().take_while(|byte| **byte != 0);
        let decoded = bytes.map(|byte| codepage::decode(*byte));
        match slot[12] & lower {
            0 => decoded.collect(),
            _ => decoded.map(codepage::lower).collect(),
        }
    };
    let mut base = [0; 8];
    base.copy_from_slice(&slot[..8]);
    // 0x05 stands for the first byte 0xe5, which marks deleted entries.
    if base[0] == 0x05 {
        base[0] = DELETED;
    }
    let (base, extension) = (half(&base, LOWER_BASE), half(&slot[8..11], LOWER_EXTENSION));
    match extension.is_empty() {
        true => base,
        false => format!("{base}.{extension}"),
    }
}

/// A long name whose last part, which comes first, has been read.
struct Long {
    /// Its parts, the last one first.
    parts: Vec<[u16; UNITS]>,
    /// How many entries are still to come.
    ahead: u8,
    checksum: u8,
}

impl Long {
    /// Returns the long name with the entry `slot`, if that entry continues it or begins a new one.
    fn next(before: Option<Self>, slot: &[u8; ENTRY_SIZE]) -> Option<Self> {
        let (ordinal, checksum) = (slot[0] & !LAST_LONG_ENTRY, slot[13]);
        if ordinal == 0 || ordinal > MAX_LONG_ENTRIES {
            return None;
        }
        let mut long = match before {
            _ if slot[0] & LAST_LONG_ENTRY != 0 => Self {
                parts: Vec::new(),
                ahead: ordinal,
                checksum,
            },
            Some(long) if long.ahead == ordinal && long.checksum == checksum => long,
            _ => return None,
        };
        let mut part = [0; UNITS];
        for (unit, at) in part.iter_mut().zip(unit_offsets()) {
            *unit = word(slot, at);
        }
        long.parts.push(part);
        long.ahead -= 1;
        Some(long)
    }

    /// Returns the units of the whole name, if it belongs to the 8.3 entry `slot`.
    fn of(self, slot: &[u8; ENTRY_SIZE]) -> Option<Vec<u16>> {
        let checksum = checksum(short(slot));
        let parts = self.parts.into_iter().rev().flatten();
        let units: Vec<u16> = parts.take_while(|unit| *unit != 0).collect();
        let is_whole = self.ahead == 0 && self.checksum == checksum && !units.is_empty();
        is_whole.then_some(units)
    }
}

/// Returns the time of the last change. FAT has no time zone; the time is taken for UTC, in which
/// Debian's images are made. Fields beyond their range are brought into it, as Linux does.
fn time(slot: &[u8; ENTRY_SIZE]) -> Timestamp {
    let (time, date) = (word(slot, 22), word(slot, 24));
    let year = (1980 + (date >> 9)).cast_signed();
    let month = i8::try_from((date >> 5 & 15).clamp(1, 12)).expect("1 to 12");
    // A day that the month does not have is one of the next month.
    let days = i64::from((date & 31).max(1)) - 1;
    let [hours, minutes, pairs] = [time >> 11, time >> 5 & 63, time & 31].map(i64::from);
    let first = epoch::seconds(jiff::civil::date(year, month, 1).into());
    Timestamp {
        seconds: first + days * 86_400 + hours * 3600 + minutes * 60 + pairs * 2,
        nanoseconds: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &[u8; 11], attributes: u8) -> [u8; 32] {
        let mut slot = [0; 32];
        slot[..11].copy_from_slice(name);
        slot[11] = attributes;
        slot
    }

    fn names(slots: &[[u8; 32]]) -> Vec<String> {
        let listing = list(slots.as_flattened(), true);
        let shown = |entry: Entry| match entry.name {
            Ok(name) => name.to_string(),
            Err(shown) => format!("cannot be: {shown}"),
        };
        listing.entries.into_iter().map(shown).collect()
    }

    #[test]
    fn short_names_follow_code_page_and_case_bits() {
        let mut lower = slot(b"CONFIG  TXT", 0x20);
        lower[12] = LOWER_BASE | LOWER_EXTENSION;
        let mut half = slot(b"\x9aBER    TXT", 0x20);
        half[12] = LOWER_BASE;
        let slots = [
            lower,
            half,
            slot(b"A B        ", 0x20),
            slot(b"\x05ABC    X  ", 0x20),
            slot(b"\xe5DELETED   ", 0x20),
            slot(b"LABEL      ", 0x08),
            slot(b"A/B        ", 0x20),
            slot(b".          ", 0x10),
            [0; 32],
            slot(b"BEHIND     ", 0x20),
        ];
        let expected = ["config.txt", "über.TXT", "A B", "σABC.X", "cannot be: A/B"];
        assert_eq!(names(&slots), expected);
    }

    /// One entry of a long name of up to 13 characters.
    fn long(ordinal: u8, checksum: u8, text: &str) -> [u8; 32] {
        let mut slot = [0xff; 32];
        (slot[0], slot[11], slot[12], slot[13]) = (ordinal, ATTR_LONG_NAME, 0, checksum);
        (slot[26], slot[27]) = (0, 0);
        for (unit, at) in text.encode_utf16().chain([0]).zip(unit_offsets()) {
            slot[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        slot
    }

    #[test]
    fn long_names_that_do_not_fit_their_entry_are_as_if_not_there() {
        let short = slot(b"LONGNA~1TXT", 0x20);
        let sum = checksum(b"LONGNA~1TXT");
        let (end, begin) = (long(0x42, sum, " name 🎉"), long(1, sum, "thirteenchars"));
        for (slots, expected) in [
            (vec![end, begin, short], "thirteenchars name 🎉"),
            (vec![begin, short], "LONGNA~1.TXT"),
            (vec![end, short], "LONGNA~1.TXT"),
            (vec![begin, end, short], "LONGNA~1.TXT"),
            (vec![end, begin, begin, short], "LONGNA~1.TXT"),
            (
                vec![end, slot(b"LABEL      ", 8), begin, short],
                "LONGNA~1.TXT",
            ),
            (
                vec![end, slot(b"\xe5          ", 0), begin, short],
                "LONGNA~1.TXT",
            ),
            (
                vec![long(0x41, sum.wrapping_add(1), "x"), short],
                "LONGNA~1.TXT",
            ),
            (vec![long(0x41, sum, ""), short], "LONGNA~1.TXT"),
            (vec![long(0x55, sum, "x"), short], "LONGNA~1.TXT"),
            (vec![end, long(0x41, sum, "new"), short], "new"),
        ] {
            assert_eq!(names(&slots), [expected]);
        }
        let mut lone = long(0x41, sum, "a");
        lone[1..3].copy_from_slice(&0xd83c_u16.to_le_bytes());
        assert_eq!(names(&[lone, short]), ["cannot be: \u{fffd}"]);
    }

    #[test]
    fn times_are_utc_and_odd_fields_are_brought_into_range() {
        let seconds = |date: u16, hour: u16| {
            let mut slot = [0; 32];
            slot[22..24].copy_from_slice(&(hour << 11).to_le_bytes());
            slot[24..26].copy_from_slice(&date.to_le_bytes());
            time(&slot).seconds
        };
        let date = |year: u16, month: u16, day: u16| (year - 1980) << 9 | month << 5 | day;
        for (date, expected) in [
            (date(2000, 2, 29), 951_782_400),
            (date(2025, 1, 1), 1_735_689_600),
            (date(2100, 3, 1), 4_107_542_400),
            (date(2107, 12, 31), 4_354_732_800),
            (0, 315_532_800),
        ] {
            assert_eq!(seconds(date, 1), expected + 3600);
        }
        assert_eq!(seconds(u16::MAX, 0), 4_354_732_800);
        assert_eq!(seconds(date(2023, 2, 30), 0), seconds(date(2023, 3, 2), 0));
    }
}
