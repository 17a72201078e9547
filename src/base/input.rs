//! A file that a base image is read from: opened once, and hashed by the bytes that are used.
//!
//! Between two openings of a path, or two readings of a file, anybody may put other bytes there. So there
//! is one descriptor, each byte is read once, and what was read is what the digest is of.

use crate::digest::{Hasher, Sha256};
use crate::store::object::describe;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read};
use std::path::Path;

/// A file under way.
pub struct Input {
    file: fs_err::File,
    /// Its length when it was opened. What is appended later is not read, so that reading ends.
    len: u64,
    left: u64,
    hasher: Option<Hasher>,
}

/// Why a file cannot be an input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is something else.
    #[error("it is {0}, expected a regular file; copy what it gives to a file first")]
    NotAFile(&'static str),
    /// It is a folder.
    #[error("it is a folder, expected the file of a disk image")]
    Folder,
    /// It is longer than any.
    #[error("it has {len} bytes, and no base image has more than {max}")]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The system says no.
    #[error(transparent)]
    Open(#[from] io::Error),
}

impl Input {
    /// Opens the file at `path` without waiting for anything, as a pipe would let us.
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

    /// A file that is known to be a regular one, at its start.
    pub fn new(file: fs_err::File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file,
            len,
            left: len,
            hasher: Some(Hasher::new()),
        })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Stops hashing: somebody else hashes the same bytes.
    pub fn stop_hashing(&mut self) {
        self.hasher = None;
    }

    /// Reads what is left and gives the digest of the whole file; none where hashing was stopped.
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
