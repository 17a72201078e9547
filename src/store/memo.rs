//! The small files of the store: memos, which hold the result of a stage, and notes of inodes.

use super::{Store, folder, object};
use crate::digest::{Hasher, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest such file, in bytes.
const MAX_NOTE: u64 = 256;

impl Store {
    /// The object that `stage` made for `key` before, if the store still has it.
    pub fn memo(&self, stage: &str, key: &Sha256) -> Option<Sha256> {
        let digest = self.noted(stage, key)?;
        self.contains(&digest).then_some(digest)
    }

    /// Notes that `stage` makes object `value` for `key`.
    ///
    /// # Errors
    ///
    /// The memo cannot be written.
    pub fn set_memo(&self, stage: &str, key: &Sha256, value: &Sha256) -> io::Result<()> {
        let path = self.memo_path(stage, key);
        let folder = path.parent().expect("a memo lies in a folder");
        folder::clear(folder, |found| found.is_dir())?;
        folder::make(folder)?;
        self.write_note(&path, &memo_text(stage, key, value))
    }

    /// The digest that [`Store::set_memo`] noted, whether or not the store has that object.
    pub fn noted(&self, stage: &str, key: &Sha256) -> Option<Sha256> {
        parse_memo(&self.memo_path(stage, key), stage, key)
    }

    fn memo_path(&self, stage: &str, key: &Sha256) -> PathBuf {
        self.root.join("memo").join(stage).join(key.to_string())
    }

    pub(super) fn write_note(&self, path: &Path, text: &str) -> io::Result<()> {
        let scratch = self.scratch_path();
        fs_err::write(&scratch, text)?;
        folder::clear(path, |found| !found.is_dir())?;
        fs_err::rename(&scratch, path)
    }
}

/// The digest that the memo of `stage` for `key` in the file `path` holds; `None` if it is damaged.
pub(super) fn parse_memo(path: &Path, stage: &str, key: &Sha256) -> Option<Sha256> {
    let text = read_note(path)?;
    let digest = text.lines().next()?.parse().ok()?;
    (text == memo_text(stage, key, &digest)).then_some(digest)
}

/// The text of a memo: the digest of the result, and a digest over stage, key and result.
fn memo_text(stage: &str, key: &Sha256, value: &Sha256) -> String {
    let mut hasher = Hasher::new();
    hasher.field(stage.as_bytes());
    hasher.field(&key.0);
    hasher.field(&value.0);
    format!("{value}\n{}\n", hasher.finish())
}

/// The text of the small file at `path`; `None` if there is no such regular file.
pub(super) fn read_note(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = object::open_regular(rustix::fs::CWD, path, path.to_owned()).ok()?;
    file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    Some(text)
}
