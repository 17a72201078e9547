//! Finds the disk in a zip archive, which may also have files of desktops and notes of the maker.

use super::PackingError;
use std::io::{self, BufReader, Read, Seek};
use std::path::PathBuf;

/// Unpacks the only disk in `packed` for `take`. The archive is first copied to the new file `scratch`, which is
/// removed at once, because an archive is read from its end.
pub(super) fn unzip<T>(
    mut packed: impl Read,
    scratch: PathBuf,
    take: impl FnOnce(&mut dyn Read) -> Result<T, io::Error>,
) -> Result<T, PackingError> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let mut copy = options.open(&scratch)?;
    fs_err::remove_file(&scratch)?;
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
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|it| it.eq_ignore_ascii_case("img") || it.eq_ignore_ascii_case("raw"))
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

/// Whether the file `name` of a zip archive is one that a desktop adds.
fn is_beside(name: &str) -> bool {
    let mut folders = name.split(['/', '\\']);
    let last = folders.next_back().unwrap_or_default();
    last.starts_with("._") || last == ".DS_Store" || folders.any(|folder| folder == "__MACOSX")
}

/// The first names of `found`, for a message.
pub(super) fn names(found: &[String]) -> String {
    const SHOWN: usize = 5;
    if found.is_empty() {
        return "no file".to_owned();
    }
    let shown = found.iter().take(SHOWN);
    let shown = shown.map(|name| format!("`{}`", name.escape_debug()));
    let shown: Vec<String> = shown.collect();
    let more = match found.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}
