//! One header block of a tar archive.
//!
//! ```text
//! name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100
//! magic 8 | user 32 | group 32 | major 8 | minor 8 | prefix 155 | 12 unused     = 512 bytes
//! ```
//!
//! Numbers are octal text or, with the top bit of the first byte set, base 256.

use super::entry::{Entry, EntryKind};
use super::error::TarError;
use crate::epoch::Timestamp;
use std::ops::Range;

/// Everything in a tar archive starts at a multiple of this.
pub(super) const BLOCK: u64 = 512;

/// A header whose checksum fits.
pub(super) struct Header {
    bytes: [u8; Header::LEN],
    /// Its offset in the archive.
    pub(super) offset: u64,
}

impl Header {
    /// Length in bytes.
    pub(super) const LEN: usize = 512;

    /// Checks `bytes`, the block at `offset`. The result is `None` for zeros, which mark the end.
    pub(super) fn read(bytes: [u8; Self::LEN], offset: u64) -> Result<Option<Self>, TarError> {
        let header = Self { bytes, offset };
        if header.bytes == [0; Self::LEN] {
            return Ok(None);
        }
        // The checksum is the sum of all bytes, with spaces in its own field.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let own = &header.bytes[148..156];
        let expected = sum(&header.bytes) - sum(own) + sum(&[b' '; 8]);
        if octal(own) != Some(expected) {
            return Err(TarError::Checksum { offset });
        }
        Ok(Some(header))
    }

    pub(super) fn kind(&self) -> u8 {
        self.bytes[156]
    }

    fn name(&self) -> Vec<u8> {
        let name = until_nul(&self.bytes[..100]);
        // GNU's magic is `ustar  `; its headers have no prefix.
        if self.bytes[257..263] == *b"ustar\0" && self.bytes[345] != 0 {
            return [until_nul(&self.bytes[345..500]), b"/", name].concat();
        }
        name.to_vec()
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.number("size", 124..136)
    }

    /// The entry that this header describes, without the offset of its content. `name` and `link`
    /// are long names that replace those of the header.
    pub(super) fn entry(
        &self,
        name: Option<Vec<u8>>,
        link: Option<Vec<u8>>,
    ) -> Result<Entry, TarError> {
        let mut name = name.unwrap_or_else(|| self.name());
        let link = link.unwrap_or_else(|| self.text(157..257));
        let kind = match self.kind() {
            // Before POSIX, a directory was a file whose name ends with a slash.
            0 | b'0' if !name.ends_with(b"/") => EntryKind::File,
            0 | b'0' | b'5' => EntryKind::Directory,
            b'1' => EntryKind::HardLink(link),
            b'2' => EntryKind::Symlink(link),
            b'3' => {
                let (major, minor) = self.device()?;
                EntryKind::CharDevice { major, minor }
            }
            b'4' => {
                let (major, minor) = self.device()?;
                EntryKind::BlockDevice { major, minor }
            }
            b'6' => EntryKind::Fifo,
            found => return Err(TarError::Type { name, found }),
        };
        if kind == EntryKind::Directory && name.ends_with(b"/") {
            name.pop();
        }
        // Only files have content. Like dpkg, this ignores the size of other entries.
        let size = match kind {
            EntryKind::File => self.size()?,
            _ => 0,
        };
        let mode: u32 = self.number("mode", 100..108)?;
        Ok(Entry {
            name,
            kind,
            mode: u16::try_from(mode & 0o7777).expect("12 bits fit 16"),
            uid: self.number("uid", 108..116)?,
            gid: self.number("gid", 116..124)?,
            user: self.text(265..297),
            group: self.text(297..329),
            mtime: Timestamp {
                seconds: self.number("mtime", 136..148)?,
                nanoseconds: 0,
            },
            offset: 0,
            size,
        })
    }

    /// Major and minor number.
    fn device(&self) -> Result<(u32, u32), TarError> {
        let major = self.number("major", 329..337)?;
        Ok((major, self.number("minor", 337..345)?))
    }

    fn text(&self, at: Range<usize>) -> Vec<u8> {
        until_nul(&self.bytes[at]).to_vec()
    }

    fn number<T: TryFrom<i64>>(
        &self,
        field: &'static str,
        at: Range<usize>,
    ) -> Result<T, TarError> {
        let bytes = &self.bytes[at];
        let number = match bytes.first() {
            Some(0x80 | 0xff) => base256(bytes),
            _ => octal(bytes).and_then(|number| i64::try_from(number).ok()),
        };
        let fitting = number.and_then(|number| T::try_from(number).ok());
        fitting.ok_or(TarError::Number {
            field,
            offset: self.offset,
        })
    }
}

/// The bytes before the first NUL.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

/// Parses octal digits that spaces precede, and spaces or NULs follow; an empty field is 0.
fn octal(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    match text.trim_matches(['\0', ' ']) {
        "" => Some(0),
        digits if digits.starts_with('+') => None,
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// Parses two's complement, big endian. The first byte is 0x80 for a positive number and 0xff for a
/// negative one.
fn base256(bytes: &[u8]) -> Option<i64> {
    let (first, digits) = bytes.split_first()?;
    let start = if *first == 0x80 { 0 } else { -1 };
    let number = digits.iter().try_fold(start, |number: i64, digit| {
        number.checked_mul(256)?.checked_add(i64::from(*digit))
    });
    number.filter(|number| (*number < 0) == (start < 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        for (field, expected) in [
            (&b"  0000644 \0"[..], Some(0o644)),
            (b"\0\0", Some(0)),
            (b"128", None),
            (b"+1", None),
            (b"7 7", None),
        ] {
            assert_eq!(octal(field), expected, "{}", field.escape_ascii());
        }
        assert_eq!(base256(b"\x80\0\0\x01\x02"), Some(258));
        assert_eq!(base256(b"\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(base256(&[b"\x80".as_slice(), &[0xff; 11]].concat()), None);
    }
}
