//! The disk in a zip archive, beside what desktops and makers put there.

use super::PackingError;
use std::io::{self, BufReader, Read, Seek};
use std::path::PathBuf;

/// Gives the only disk in `packed` to `take`. The archive is copied to `scratch` before, which nobody
/// else knows, because it is read from its end.
pub(super) fn unzip<T>(
    mut packed: impl Read,
    scratch: PathBuf,
    take: impl FnOnce(&mut dyn Read) -> Result<T, io::Error>,
) -> Result<T, PackingError> {
    let mut options = fs_err::OpenOptions::new();
    let copy = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&scratch)?;
    fs_err::remove_file(&scratch)?;
    let mut copy = copy;
    io::copy(&mut packed, &mut copy)?;
    copy.rewind()?;
    let mut archive = zip::ZipArchive::new(BufReader::with_capacity(1 << 17, copy))?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        if entry.is_file() && !is_beside(&name) {
            files.push((index, name));
        }
    }
    let is_disk = |(_, name): &&(usize, String)| {
        let ending = name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        ending.is_some_and(|ending| matches!(ending.as_str(), "img" | "raw"))
    };
    let disks: Vec<_> = files.iter().filter(is_disk).collect();
    let index = match (files.as_slice(), disks.as_slice()) {
        ([(index, _)], _) | (_, [(index, _)]) => *index,
        _ => {
            let found = files.into_iter().map(|(_, name)| name).collect();
            return Err(PackingError::Entries { found });
        }
    };
    let mut entry = archive.by_index(index)?;
    Ok(take(&mut entry)?)
}

/// Whether the file `name` of a zip archive is what a desktop leaves beside files.
fn is_beside(name: &str) -> bool {
    let mut folders = name.split(['/', '\\']);
    let last = folders.next_back().unwrap_or_default();
    last.starts_with("._") || last == ".DS_Store" || folders.any(|folder| folder == "__MACOSX")
}

/// The first of `found`, for a person.
pub(super) fn names(found: &[String]) -> String {
    const SHOWN: usize = 5;
    if found.is_empty() {
        return "no file".to_owned();
    }
    let shown: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    let more = match found.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}
