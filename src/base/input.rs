//! The file from which a base image is read. It is opened once, and the bytes that are used are hashed.
//!
//! Another process may change a file between two times that it is opened or read. So there is one
//! descriptor, each byte is read once, and the digest is that of the bytes that were read.

use crate::digest::{Hasher, Sha256};
use crate::store::object::describe;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read};
use std::path::Path;

/// A file that is being read.
pub struct Input {
    file: fs_err::File,
    /// Its length when it was opened. Bytes that are appended later are not read, so that reading ends.
    len: u64,
    left: u64,
    hasher: Option<Hasher>,
}

/// Why a file cannot be an input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is not a regular file.
    #[error("it is {0}, expected a regular file; copy what it gives to a file first")]
    NotAFile(&'static str),
    /// It is a folder.
    #[error("it is a folder, expected the file of a disk image")]
    Folder,
    /// It is longer than any base image.
    #[error("it has {len} bytes, and no base image has more than {max}")]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] io::Error),
}

impl Input {
    /// Opens the file at `path`, of at most `max` bytes. It does not wait for the writer of a named pipe.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, is not a regular file, or is too long.
    pub fn open(path: &Path, max: u64) -> Result<Self, InputError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => fs_err::File::from_parts(file.into(), path),
            Err(Errno::NXIO) => return Err(InputError::NotAFile("a socket")),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let found = rustix::fs::fstat(&file).map_err(io::Error::from)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(InputError::Folder),
            other => return Err(InputError::NotAFile(describe(other))),
        }
        let input = Self::new(file)?;
        match input.len {
            len if len > max => Err(InputError::TooLong { len, max }),
            _ => Ok(input),
        }
    }

    /// Reads `file`, which is a regular file at its start.
    ///
    /// # Errors
    ///
    /// The file has no metadata.
    pub fn new(file: fs_err::File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file,
            len,
            left: len,
            hasher: Some(Hasher::new()),
        })
    }

    /// The file, for reading at any offset.
    pub fn into_file(self) -> fs_err::File {
        self.file
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Stops hashing, for a caller that hashes the same bytes.
    pub fn stop_hashing(&mut self) {
        self.hasher = None;
    }

    /// Reads the rest, and gives the digest of the whole file, or `None` if hashing was stopped.
    ///
    /// # Errors
    ///
    /// The rest cannot be read.
    pub fn digest(mut self) -> io::Result<Option<Sha256>> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.hasher.map(Hasher::finish))
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        let n = self.file.read(&mut into[..most])?;
        self.left -= n as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..n]);
        }
        Ok(n)
    }
}
