//! The record of a build: which objects it has used. `imgbuild cache` shows it, and a collection removes the objects
//! of the builds first that were made longest ago.
//!
//! There is one record for each board, profile, base and lock. It is written anew after each build, and the time of
//! its file is that of the last build. It decides no byte of an image.

use super::{Store, object};
use crate::digest::{Hasher, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

/// The first line of a record.
const FORM: &str = "imgbuild build 1";
/// The longest record in bytes, which has room for a million objects.
const MAX_RECORD: u64 = 64 << 20;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Board, profile and base, for a person.
    pub(super) label: String,
    /// The digest of the text of the lock.
    pub(super) lock: Sha256,
    /// The objects that the build has used.
    pub(super) objects: BTreeSet<Sha256>,
}

impl Store {
    /// Records that a build of `label` by the lock whose text has the digest `lock` has used all objects that this
    /// process has looked for.
    ///
    /// # Errors
    ///
    /// The record cannot be written. It has no effect on a build: a collection only takes the objects for older
    /// than they are.
    pub fn record_build(&self, label: &str, lock: &Sha256) -> io::Result<()> {
        let mut hasher = Hasher::new();
        hasher.field(label.as_bytes());
        hasher.field(&lock.0);
        let path = self.root.join("builds").join(hasher.finish().to_string());
        let record = Record {
            label: label.to_owned(),
            lock: *lock,
            objects: self.needed(),
        };
        self.write_note(&path, &record.to_text())
    }
}

impl Record {
    fn to_text(&self) -> String {
        // A name of a file may hold a line end.
        let label = self.label.escape_debug();
        let mut text = format!("{FORM}\n{label}\n{}\n", self.lock);
        for object in &self.objects {
            text += &format!("{object}\n");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FORM {
            return None;
        }
        Some(Self {
            label: lines.next()?.to_owned(),
            lock: lines.next()?.parse().ok()?,
            objects: lines.map(str::parse).collect::<Result<_, _>>().ok()?,
        })
    }

    /// The record in the file `path`; `None` if it is damaged or no record.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = object::open_regular(rustix::fs::CWD, path, path.to_owned()).ok()?;
        let mut text = String::new();
        file.take(MAX_RECORD).read_to_string(&mut text).ok()?;
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_a_damaged_one_is_none() {
        let record = Record {
            label: "rpi4 + base on it's mine".to_owned(),
            lock: Sha256::of(b"lock"),
            objects: [Sha256::of(b"one"), Sha256::of(b"two")].into(),
        };
        let text = record.to_text();
        let read = Record::parse(&text).unwrap();
        assert_eq!(
            (read.lock, read.objects),
            (record.lock, record.objects.clone())
        );
        for damaged in [&text[1..], &text[..text.len() - 2], "", FORM] {
            assert_eq!(Record::parse(damaged), None);
        }
        let hostile = Record {
            label: "a\nb".to_owned(),
            ..record
        };
        assert_eq!(Record::parse(&hostile.to_text()).unwrap().label, "a\\nb");
    }
}
