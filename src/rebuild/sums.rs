//! Compares the files of a release with the digests in its manifest, and that with `SHA256SUMS`. Nothing is built.

use super::error::RebuildError;
use super::manifest::{Manifest, is_plain};
use super::published;
use crate::base::input::{Input, InputError};
use crate::digest::{Hasher, Sha256};
use crate::release::SUMS;
use serde::Serialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most bytes of `SHA256SUMS`.
const MAX_SUMS: u64 = 1 << 20;

/// A file of a release that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Its name.
    pub name: String,
    /// The expected digest.
    pub expected: Sha256,
    /// The digest that was found, or `None` if the file is not there or has another length.
    pub found: Option<Sha256>,
}

impl Sum {
    /// Whether the file is what it should be.
    pub fn is_right(&self) -> bool {
        self.found == Some(self.expected)
    }
}

/// Compares the disk in `image` with the manifest in the file `path`, and so the other files of the release, as far as
/// they lie beside the manifest; and the manifest with `SHA256SUMS`, if that lies there too.
///
/// # Errors
///
/// A file cannot be read.
pub fn sums(
    image: &Path,
    manifest: &Manifest,
    path: &Path,
    scratch: PathBuf,
) -> Result<Vec<Sum>, RebuildError> {
    let raw = &manifest.image;
    let published = published::read(image, raw.size, scratch, |disk| digest(disk, raw.size))?;
    let mut sums = vec![Sum {
        name: raw.name.clone(),
        expected: raw.sha256,
        found: published.disk,
    }];
    let image_name = image.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new(""));
    let artifacts = manifest.artifacts.iter();
    for artifact in artifacts.filter(|it| is_plain(&it.name)) {
        let is_image = artifact.name == image_name;
        // The file of a raw image is its disk, and has its line.
        if is_image && artifact.name == raw.name && artifact.sha256 == raw.sha256 {
            continue;
        }
        let found = match is_image {
            true => published.file.or(published.disk),
            false => match of_file(&folder.join(&artifact.name))? {
                Some(found) => Some(found),
                // A person need not have fetched all files.
                None => continue,
            },
        };
        sums.push(Sum {
            name: artifact.name.clone(),
            expected: artifact.sha256,
            found,
        });
    }
    sums.extend(of_manifest(path, folder)?);
    Ok(sums)
}

/// The manifest in the file `path` by the `SHA256SUMS` in `folder`.
fn of_manifest(path: &Path, folder: &Path) -> Result<Option<Sum>, RebuildError> {
    let list = folder.join(SUMS);
    let Some(input) = open(&list)? else {
        return Ok(None);
    };
    let mut text = String::new();
    let read = input.take(MAX_SUMS).read_to_string(&mut text);
    read.map_err(|source| RebuildError::File { path: list, source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = text.lines().filter_map(|line| line.split_once("  "));
    let expected = lines.find_map(|(sum, of)| (of == name).then(|| sum.parse().ok())?);
    let Some(expected) = expected else {
        return Ok(None);
    };
    Ok(Some(Sum {
        found: of_file(path)?,
        name: name.into_owned(),
        expected,
    }))
}

/// The digest of the file `path`, if it is there.
fn of_file(path: &Path) -> Result<Option<Sha256>, RebuildError> {
    let Some(input) = open(path)? else {
        return Ok(None);
    };
    input.digest().map_err(|source| RebuildError::File {
        path: path.to_owned(),
        source,
    })
}

/// Opens the regular file `path`, if it is there.
fn open(path: &Path) -> Result<Option<Input>, RebuildError> {
    match Input::open(path, u64::MAX) {
        Ok(input) => Ok(Some(input)),
        Err(InputError::Open(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(InputError::Open(source)) => Err(RebuildError::File {
            path: path.to_owned(),
            source,
        }),
        Err(InputError::NotAFile(_) | InputError::Folder | InputError::TooLong { .. }) => Ok(None),
    }
}

/// The digest of `disk` if it has `len` bytes. No more than one byte behind these is read.
fn digest(disk: &mut dyn Read, len: u64) -> io::Result<Option<Sha256>> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    let mut disk = disk.take(len.saturating_add(1));
    let mut found = 0;
    loop {
        match disk.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                found += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((found == len).then(|| hasher.finish()))
}
