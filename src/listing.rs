//! Directory listings in byte order of the names. No other module calls `read_dir`.

use rustix::fd::AsFd;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The names in `directory`, sorted bytewise.
///
/// # Errors
///
/// The directory cannot be read.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place, and it sorts"
)]
pub fn sorted(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs_err::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The names in the open `directory`, sorted bytewise.
///
/// # Errors
///
/// The directory cannot be read.
pub fn sorted_in(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort();
    Ok(names)
}
