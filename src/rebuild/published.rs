//! Reads the disk in the file of a published image, whether it is packed or not.

use super::error::RebuildError;
use crate::base::input::Input;
use crate::base::packing::{self, PackingError};
use crate::base::source::MAX_DISK;
use crate::digest::Sha256;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A published image that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published<T> {
    /// What was made of its disk.
    pub disk: T,
    /// The digest of its file, if the file is not the disk itself.
    pub file: Option<Sha256>,
}

/// Has `take` read the disk in the file `path`. `raw_len` is the length of the disk if it is what it should be: a file
/// of this length is the disk, even if its first sector is damaged. A zip archive is copied to the new file `scratch`.
///
/// # Errors
///
/// The file cannot be read or unpacked, or `take` fails.
pub fn read<T>(
    path: &Path,
    raw_len: u64,
    scratch: PathBuf,
    take: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<Published<T>, RebuildError> {
    let input = Input::open(path, MAX_DISK).map_err(|source| RebuildError::Open {
        path: path.to_owned(),
        source,
    })?;
    let failed = |source| RebuildError::Read {
        path: path.to_owned(),
        source,
    };
    if input.len() == raw_len {
        let mut input = input;
        input.stop_hashing();
        let disk = take(&mut input).map_err(|error| failed(PackingError::Read(error)))?;
        return Ok(Published { disk, file: None });
    }
    let unpacked = packing::unpack(input, packing::n_threads(), scratch, |_, disk| take(disk));
    let unpacked = unpacked.map_err(failed)?;
    Ok(Published {
        disk: unpacked.disk,
        file: unpacked.file,
    })
}
