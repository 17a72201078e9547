//! A download under way: the locked file in which it grows, with the hash of its content.

use super::error::Trouble;
use crate::digest::Hasher;
use crate::removal;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file in the store's folder `partial` that nobody else writes to.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    file: fs_err::File,
    pub(super) hasher: Hasher,
    pub(super) len: u64,
    /// The longest that it ever was in this process.
    furthest: u64,
}

impl Partial {
    /// Locks the partial file at `path`; `None` if what it would become `is_there` by then.
    pub(super) fn claim(path: &Path, is_there: impl Fn() -> bool) -> io::Result<Option<Self>> {
        while !is_there() {
            let Some(file) = open(path)? else { continue };
            rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))?;
            // Whoever held the lock may have moved the file into the store, or removed it.
            let ours = file.metadata()?;
            let current = fs_err::metadata(path).is_ok_and(|at_path| at_path.ino() == ours.ino());
            if current && !is_there() {
                let hasher = Hasher::new();
                return Ok(Some(Self {
                    path: path.to_owned(),
                    file,
                    hasher,
                    len: 0,
                    furthest: 0,
                }));
            }
            if current {
                fs_err::remove_file(path)?;
            }
        }
        Ok(None)
    }

    /// Takes over what an earlier run has left, unless that is longer than `longest`.
    pub(super) fn resume(&mut self, longest: u64) -> io::Result<()> {
        if self.file.metadata()?.len() > longest {
            return self.restart();
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = self.file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            self.hasher.update(&buffer[..count]);
        }
        self.len = self.file.stream_position()?;
        self.furthest = self.len;
        Ok(())
    }

    /// What `trouble` means once it is seen how far the file came. Only what is longer than ever before
    /// counts, so that this ends.
    pub(super) fn judge(&mut self, trouble: Trouble) -> Trouble {
        let advanced = self.len > self.furthest;
        self.furthest = self.furthest.max(self.len);
        match trouble {
            Trouble::Passing(error) if advanced => Trouble::Advanced(error),
            other => other,
        }
    }

    pub(super) fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)?;
        self.hasher.update(chunk);
        self.len = self.file.stream_position()?;
        Ok(())
    }

    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new();
        self.len = 0;
        Ok(())
    }

    /// Leaves what came for the next run, and nothing where nothing came.
    pub(super) fn leave(self) {
        if self.len == 0 {
            // The error of the download says more than one of this removal.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

/// Opens the partial file at `path`, making it where it is missing. What is no regular file of the
/// user's own is removed, and so is one that cannot be opened: nothing is followed or waited for.
fn open(path: &Path) -> io::Result<Option<fs_err::File>> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::from_raw_mode(0o644)) {
        Ok(file) => fs_err::File::from_parts(file.into(), path),
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::ACCESS) => {
            return removal::remove(path).map(|()| None);
        }
        Err(error) => {
            let words = format!("`{}`: {}", path.display(), io::Error::from(error));
            return Err(io::Error::new(io::Error::from(error).kind(), words));
        }
    };
    let found = file.metadata()?;
    if found.is_file() && found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(Some(file));
    }
    removal::remove(path).map(|()| None)
}
