//! Long names, and the unique 8.3 names that stand beside them.

use super::format::*;
use std::collections::{BTreeMap, BTreeSet};

/// A name that FAT takes, as UTF-16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LongName(Vec<u16>);

impl LongName {
    /// Checks `bytes`. The error says what is wrong.
    pub(super) fn new(bytes: &[u8]) -> Result<(Self, &str), &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        let forbidden = |c: char| c.is_ascii_control() || "\"*/:<>?\\|".contains(c);
        if text.contains(forbidden) {
            return Err("it has a control character or one of \"*/:<>?\\|");
        }
        if text.ends_with(['.', ' ']) || text.starts_with(' ') {
            return Err("it starts or ends with a space, or ends with a dot");
        }
        Ok((Self(text.encode_utf16().collect()), text))
    }

    /// How many entries the name takes, its 8.3 entry included.
    pub(super) fn n_entries(&self, short_is_enough: bool) -> usize {
        if short_is_enough {
            1
        } else {
            1 + self.0.len().div_ceil(UNITS)
        }
    }

    /// The entries before the 8.3 entry `short`.
    pub(super) fn encode(&self, short: &Short) -> Vec<u8> {
        let parts: Vec<_> = self.0.chunks(UNITS).enumerate().collect();
        let last = parts.len() - 1;
        let mut bytes = Vec::with_capacity(parts.len() * ENTRY_SIZE);
        for (index, part) in parts.into_iter().rev() {
            let ordinal = u8::try_from(index + 1).expect("255 units are 20 entries");
            let mark = if index == last { LAST_LONG_ENTRY } else { 0 };
            bytes.extend_from_slice(&long_entry(ordinal | mark, checksum(short), part));
        }
        bytes
    }
}

/// Returns one entry of a long name. Behind the end of the name, one unit is 0 and the others
/// 0xffff.
fn long_entry(ordinal: u8, checksum: u8, part: &[u16]) -> [u8; ENTRY_SIZE] {
    let mut units = [0xffff; UNITS];
    units[..part.len()].copy_from_slice(part);
    if let Some(end) = units.get_mut(part.len()) {
        *end = 0;
    }
    let mut entry = [0; ENTRY_SIZE];
    entry[0] = ordinal;
    entry[11] = ATTR_LONG_NAME;
    entry[13] = checksum;
    for (at, unit) in unit_offsets().zip(units) {
        entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
    }
    entry
}

/// Returns `text` in a form that is the same for all names that FAT does not tell apart.
pub(super) fn folded(text: &str) -> String {
    let fold = |c: char| {
        let mut upper = c.to_uppercase();
        // Readers fold unit by unit: what becomes several characters stays as it is.
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    };
    text.chars().map(fold).collect()
}

/// The 8.3 names of one directory. A name that is 8.3 except for its case keeps it; the others
/// get `~1`, `~2` and so on, in the order of the names.
pub(super) fn short_names(names: &[&str]) -> Vec<Short> {
    let bases: Vec<_> = names.iter().map(|name| Basis::of(name)).collect();
    let exact = bases.iter().filter(|basis| basis.exact);
    let mut taken: BTreeSet<Short> = exact.map(|basis| basis.short(0, None)).collect();
    let mut next = BTreeMap::new();
    let tailed = |basis: &Basis| match basis.exact {
        true => basis.short(0, None),
        false => basis.tailed(&mut taken, &mut next),
    };
    bases.iter().map(tailed).collect()
}

/// What an 8.3 name is made from.
struct Basis {
    base: Vec<u8>,
    extension: Vec<u8>,
    /// Whether only the case of the name was lost.
    exact: bool,
}

impl Basis {
    fn of(name: &str) -> Self {
        let body = name.trim_start_matches('.');
        let (base, extension) = body.rsplit_once('.').unwrap_or((body, ""));
        let part = |text: &str| -> Vec<u8> {
            let characters = text.chars().filter(|c| !matches!(c, ' ' | '.'));
            characters.map(short_character).collect()
        };
        let (base, mut extension) = (part(base), part(extension));
        let whole = match extension.as_slice() {
            [] => base.clone(),
            extension => [&base, b".".as_slice(), extension].concat(),
        };
        let exact = base.len() <= 8
            && extension.len() <= 3
            && name.as_bytes().to_ascii_uppercase() == whole;
        extension.truncate(3);
        Self {
            base,
            extension,
            exact,
        }
    }

    /// Returns the name with `~` and `tail` behind the base, which is cut so that `room` bytes are
    /// left.
    fn short(&self, room: usize, tail: Option<u32>) -> Short {
        let tail = tail.map(|n| format!("~{n}")).unwrap_or_default();
        let len = self.base.len().min(8 - room);
        let mut short = [b' '; 11];
        short[..len].copy_from_slice(&self.base[..len]);
        short[len..len + tail.len()].copy_from_slice(tail.as_bytes());
        short[8..8 + self.extension.len()].copy_from_slice(&self.extension);
        short
    }

    /// Returns the first free name with a tail. `next` has the next number to try for each cut base
    /// and number of digits, so that a directory of 20,000 similar names stays quick.
    fn tailed(&self, taken: &mut BTreeSet<Short>, next: &mut BTreeMap<(Short, u32), u32>) -> Short {
        for n_digits in 1..=6 {
            let room = n_digits as usize + 1;
            let counter = next
                .entry((self.short(room, None), n_digits))
                .or_insert(10_u32.pow(n_digits - 1));
            while *counter < 10_u32.pow(n_digits) {
                let short = self.short(room, Some(*counter));
                *counter += 1;
                if taken.insert(short) {
                    return short;
                }
            }
        }
        unreachable!("a directory has fewer than 65,536 entries, and there are 999,999 tails")
    }
}

/// Returns the character for an 8.3 name. Which characters beyond ASCII are allowed depends on the
/// code page of the reader, so all of them become an underscore.
fn short_character(c: char) -> u8 {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii_alphanumeric() => byte.to_ascii_uppercase(),
        Ok(byte) if b"!#$%&'()-@^_`{}~".contains(&byte) => byte,
        _ => b'_',
    }
}

/// Whether the 8.3 name is exactly `name`.
pub(super) fn is_short(name: &str) -> bool {
    Basis::of(name).exact && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(names: &[&str]) -> Vec<String> {
        let shorts = short_names(names);
        shorts
            .iter()
            .map(|short| String::from_utf8_lossy(short).into_owned())
            .collect()
    }

    #[test]
    fn short_names_are_those_of_other_systems() {
        for (name, expected) in [
            ("config.txt", "CONFIG  TXT"),
            ("KERNEL8.IMG", "KERNEL8 IMG"),
            ("bcm2711-rpi-4-b.dtb", "BCM271~1DTB"),
            ("initrd.img-6.12.57", "INITRD~157 "),
            ("initrd.img-6.12.57+deb13-arm64", "INITRD~157_"),
            (".hidden", "HIDDEN~1   "),
            ("a b", "AB~1       "),
            ("a+b.c", "A_B~1   C  "),
            ("日本.txt", "__~1    TXT"),
            ("x.jpeg", "X~1     JPE"),
        ] {
            assert_eq!(shorts(&[name]), [expected], "{name}");
        }
    }

    #[test]
    fn tails_avoid_names_that_are_there_and_grow_by_digits() {
        let names = ["long file 1", "long file 2", "LONGFI~1"];
        assert_eq!(
            shorts(&names),
            ["LONGFI~2   ", "LONGFI~3   ", "LONGFI~1   "]
        );
        let many: Vec<String> = (0..20_000)
            .map(|n| format!("the file {n:05}.data"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let all = shorts(&many);
        assert_eq!(
            (all[8].as_str(), all[9].as_str()),
            ("THEFIL~9DAT", "THEFI~10DAT")
        );
        assert_eq!(BTreeSet::from_iter(&all).len(), 20_000);
    }

    #[test]
    fn a_long_name_is_stored_from_its_end() {
        let (name, _) = LongName::new("kernel8-image.img".as_bytes()).unwrap();
        let bytes = name.encode(b"KERNEL~1IMG");
        assert_eq!(bytes.len(), 64);
        assert_eq!((bytes[0], bytes[32]), (0x42, 1));
        assert_eq!(bytes[1..12], *b".\0i\0m\0g\0\0\0\x0f");
        assert_eq!(bytes[13], bytes[45]);
        assert_eq!(bytes[33..43], *b"k\0e\0r\0n\0e\0");
    }

    #[test]
    fn a_character_beyond_16_bits_is_two_units() {
        let (name, _) = LongName::new("🎉".as_bytes()).unwrap();
        assert_eq!(
            name.encode(b"_~1        ")[1..7],
            [0x3c, 0xd8, 0x89, 0xdf, 0, 0]
        );
    }

    #[test]
    fn names_that_fat_cannot_spell_are_refused() {
        for name in ["a:b", "a\u{7f}", "tail.", "tail ", " head", "a\\b"] {
            assert!(LongName::new(name.as_bytes()).is_err(), "{name:?}");
        }
        assert_eq!(LongName::new(b"\xff"), Err("it is not UTF-8"));
    }
}
