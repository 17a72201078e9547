//! Files that the user names, and files that lie where they are looked for: read up to a bound.

use rustix::fs::{FileType, Mode, OFlags};
use std::io::{self, Read};
use std::path::Path;

/// The longest file of settings, and the longest secret.
pub(super) const MAX_TEXT: u64 = crate::define::MAX_TEXT;
/// The longest lock, of 40,000 packages, and the longest keyring.
pub(super) const MAX_LONG: u64 = 16 << 20;

/// The file `path`, of at most `limit` bytes. The user names it, so it may be a pipe: `<(pass show x)`.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    bounded(fs_err::File::open(path)?, limit)
}

/// The same as text.
pub(super) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// The text of the file `path`, which lies where such files are looked for. A pipe there, which nobody
/// named, would be waited for without end.
pub(super) fn read_found(path: &Path, limit: u64) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    text(bounded(fs_err::File::from_parts(file.into(), path), limit)?)
}

fn bounded(file: fs_err::File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is longer than {limit} bytes")));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}
