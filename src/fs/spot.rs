//! What the bytes at some offset of a filesystem are: a part of a file, a field of its inode, a table.

use crate::epoch;
use crate::tree::TreePath;
use std::ops::Range;

/// What the bytes of a filesystem at some offset are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file or directory that they belong to, if they belong to one.
    pub path: Option<TreePath>,
    /// Which part of it they are, or else which part of the filesystem: `content`, `mode`, `superblock`.
    pub part: String,
    /// The bytes of the filesystem for which this holds. The offset lies in it.
    pub range: Range<u64>,
    /// The offset of its first byte within the part.
    pub at: u64,
    /// The field, if the bytes are a value that can be shown.
    pub field: Option<Field>,
}

/// A value in one or several ranges of bytes of a filesystem, the low bytes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where its bytes lie.
    pub ranges: Vec<Range<u64>>,
    /// How it is shown.
    pub form: Form,
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The mode of an inode, with its type: `100644`.
    Octal,
    /// A number: `17`.
    Decimal,
    /// Flags and checksums: `0x80000`.
    Hexadecimal,
    /// A time of an inode: the low half of the seconds; then nanoseconds and two more bits of the seconds.
    Time,
}

impl Spot {
    /// Bytes that are `part` of the filesystem itself, the first of which is at offset `at` in it.
    pub(super) fn of_filesystem(part: impl Into<String>, range: Range<u64>, at: u64) -> Self {
        Self {
            path: None,
            part: part.into(),
            range,
            at,
            field: None,
        }
    }

    /// The same bytes as those of `path`.
    pub(super) fn of(self, path: Option<&TreePath>) -> Self {
        Self {
            path: path.cloned(),
            ..self
        }
    }

    /// The same bytes as a field whose value they are a part of.
    pub(super) fn with(self, field: Field) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }
}

impl Form {
    /// The value of these bytes, of which there are at most 8.
    pub fn show(self, bytes: &[u8]) -> String {
        let number = bytes.iter().rev().take(8);
        let number = number.fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        match self {
            Self::Octal => format!("{number:04o}"),
            Self::Decimal => number.to_string(),
            Self::Hexadecimal => format!("{number:#x}"),
            Self::Time => time(number),
        }
    }
}

/// A time of an inode, in UTC.
fn time(number: u64) -> String {
    let [low, extra] =
        [number, number >> 32].map(|part| u32::try_from(part & 0xffff_ffff).expect("32 bits"));
    let seconds = i64::from(low.cast_signed()) + (i64::from(extra & 3) << 32);
    let moment = match epoch::moment(seconds) {
        Some(moment) => moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("{seconds} s"),
    };
    match extra >> 2 {
        0 => moment,
        nanoseconds => format!("{moment}.{nanoseconds:09}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn values_are_shown_as_people_know_them() {
        assert_eq!(Form::Octal.show(&0o100_644_u16.to_le_bytes()), "100644");
        assert_eq!(Form::Decimal.show(&[1, 1]), "257");
        assert_eq!(Form::Hexadecimal.show(&[0, 0, 8, 0]), "0x80000");
        let time = [
            1_769_860_800_u32.to_le_bytes(),
            (500_000_000_u32 << 2).to_le_bytes(),
        ];
        assert_eq!(
            Form::Time.show(time.as_flattened()),
            "2026-01-31 12:00:00.500000000"
        );
        assert_eq!(Form::Time.show(&[]), "1970-01-01 00:00:00");
    }
}
