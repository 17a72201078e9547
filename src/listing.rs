//! Directory listings in byte order of the names: the only caller of `read_dir`.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The names in `directory`, sorted bytewise.
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
