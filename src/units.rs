//! Quantities that carry their unit in the type: bytes and 512-byte sectors.

use std::fmt;
use std::str::FromStr;

/// Bytes in a sector. Every board and every table of this project addresses 512-byte sectors.
pub const SECTOR_SIZE: u64 = 512;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// The address of a sector of 512 bytes, counted from the start of the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lba(pub u64);

impl Bytes {
    /// One binary megabyte.
    pub const MIB: Bytes = Bytes(1 << 20);

    /// `n` MiB.
    pub const fn mib(n: u64) -> Self {
        Bytes(n << 20)
    }

    /// The next multiple of `alignment` at or above this size; `None` beyond 64 bits.
    pub fn align_up(self, alignment: Bytes) -> Option<Self> {
        self.0.checked_next_multiple_of(alignment.0).map(Bytes)
    }

    /// The number of sectors; `None` if this is not a multiple of 512.
    pub fn sectors(self) -> Option<Lba> {
        self.0
            .is_multiple_of(SECTOR_SIZE)
            .then_some(Lba(self.0 / SECTOR_SIZE))
    }
}

impl Lba {
    /// The offset of this sector in bytes.
    pub fn bytes(self) -> Bytes {
        Bytes(self.0.saturating_mul(SECTOR_SIZE))
    }
}

const SUFFIXES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("s", SECTOR_SIZE),
];

impl fmt::Display for Bytes {
    /// Shows the exact size: in the largest unit that divides it, or in plain bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |unit: u64| self.0 != 0 && self.0.is_multiple_of(unit);
        match SUFFIXES[..4].iter().find(|(_, unit)| exact(*unit)) {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Bytes {
    /// Writes the size as [`Bytes`] is shown.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LBA {}", self.0)
    }
}

/// A length of time in seconds, written as a number of seconds, minutes, hours, days or weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub u64);

/// An error: the text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a length of time: expected a number with s, m, h, d (days) or w (weeks), such as 30d"
)]
pub struct NotAnAge(pub String);

impl FromStr for Age {
    type Err = NotAnAge;

    fn from_str(text: &str) -> Result<Self, NotAnAge> {
        const UNITS: [(&str, u64); 5] = [
            ("s", 1),
            ("m", 60),
            ("h", 3600),
            ("d", 86_400),
            ("w", 604_800),
        ];
        let split = UNITS.iter().find_map(|(unit, seconds)| {
            let digits = text.strip_suffix(unit)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then_some((digits, *seconds))
        });
        let age =
            split.and_then(|(digits, seconds)| digits.parse::<u64>().ok()?.checked_mul(seconds));
        age.map(Self).ok_or_else(|| NotAnAge(text.to_owned()))
    }
}

/// An error: the text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a size: expected a number of bytes, or a number with KiB, MiB, GiB, TiB or s (sectors)"
)]
pub struct NotASize(pub String);

impl FromStr for Bytes {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let wrong = || NotASize(text.to_owned());
        let (digits, unit) = SUFFIXES
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
            .unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(unit).map(Bytes).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("63s", 32_256, "32256"),
            ("4MiB", 4 << 20, "4MiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("2TiB", 2 << 40, "2TiB"),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1", "4 MiB", "4MB", "1.5GiB", "99999999999TiB"] {
            assert_eq!(text.parse::<Bytes>(), Err(NotASize(text.to_owned())));
        }
    }

    #[test]
    fn lengths_of_time_are_read_and_others_refused() {
        for (text, seconds) in [
            ("0s", 0),
            ("90m", 5400),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("2w", 1_209_600),
        ] {
            assert_eq!(text.parse(), Ok(Age(seconds)), "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "1.5d",
            "-1d",
            "+1d",
            "1 d",
            "1D",
            "30000000000000000w",
        ] {
            assert_eq!(text.parse::<Age>(), Err(NotAnAge(text.to_owned())));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_shown_size_reads_back(bytes: u64) {
            proptest::prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
    }
}
