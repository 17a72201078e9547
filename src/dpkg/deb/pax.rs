//! Records of a pax header, `<length> <key>=<value>\n`, where the length counts the whole record.

use crate::epoch::Timestamp;
use std::collections::BTreeMap;

/// What a pax header says about the member behind it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) group: Option<Vec<u8>>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Reads all records; nothing where one is malformed. Unknown keys are passed over, as POSIX asks.
pub(super) fn parse(mut bytes: &[u8]) -> Option<Pax> {
    let mut pax = Pax::default();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let len: usize = number(&bytes[..space])?;
        let record = bytes.get(space + 1..len)?.strip_suffix(b"\n")?;
        bytes = &bytes[len..];
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let named = |value: &[u8]| (!value.contains(&0)).then(|| value.to_vec());
        match key {
            b"path" => pax.path = Some(named(value)?),
            b"linkpath" => pax.link = Some(named(value)?),
            b"size" => pax.size = Some(number(value)?),
            b"uid" => pax.uid = Some(number(value)?),
            b"gid" => pax.gid = Some(number(value)?),
            b"uname" => pax.user = Some(value.to_vec()),
            b"gname" => pax.group = Some(value.to_vec()),
            b"mtime" => pax.mtime = Some(timestamp(value)?),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    pax.xattrs.insert(named(name)?, value.to_vec());
                }
            }
        }
    }
    Some(pax)
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    let digits = bytes.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(bytes).ok().filter(|_| digits)?;
    text.parse().ok()
}

/// `-1.25` is a quarter of a second before -1, so the nanoseconds always count upwards.
fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let magnitude: i64 = number(whole.trim_start_matches('-').as_bytes())?;
    let fraction: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let nanoseconds: u32 = number(fraction.as_bytes())?;
    let (seconds, nanoseconds) = match (negative, nanoseconds) {
        (false, _) => (magnitude, nanoseconds),
        (true, 0) => (-magnitude, 0),
        (true, _) => ((-magnitude).checked_sub(1)?, 1_000_000_000 - nanoseconds),
    };
    Some(Timestamp {
        seconds,
        nanoseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let records: [&[u8]; 4] = [
            b"12 path=a\nb\n",
            b"14 mtime=-1.5\n",
            b"29 SCHILY.xattr.user.x=\0=\nyz\n",
            b"9 uid=70\n",
        ];
        let mut expected = Pax {
            path: Some(b"a\nb".to_vec()),
            uid: Some(70),
            mtime: Some(Timestamp {
                seconds: -2,
                nanoseconds: 500_000_000,
            }),
            ..Pax::default()
        };
        expected
            .xattrs
            .insert(b"user.x".to_vec(), b"\0=\nyz".to_vec());
        assert_eq!(parse(&records.concat()), Some(expected));
    }

    #[test]
    fn malformed_records_are_refused() {
        for text in [
            "8 path=a",
            "99 path=a\n",
            "0 path=a\n",
            "x path=a\n",
            "4 a\n",
            "11 size=-12\n",
            "1",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
