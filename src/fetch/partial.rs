//! A download in progress: the locked file in which it grows, and the hash of its content so far.

use super::error::AttemptError;
use crate::digest::Hasher;
use crate::removal;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file in the store's folder `partial`, locked so that no other process writes to it.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    file: fs_err::File,
    pub(super) hasher: Hasher,
    pub(super) len: u64,
    /// Whether an earlier run has left a part of it.
    pub(super) resumed: bool,
    /// The greatest length that the file has had in this process.
    furthest: u64,
}

impl Partial {
    /// Waits for the lock on the partial file at `path` and takes it. The result is `None` if
    /// `is_there` says by then that another process has completed the download.
    pub(super) fn claim(path: &Path, is_there: impl Fn() -> bool) -> io::Result<Option<Self>> {
        while !is_there() {
            let Some(file) = open(path)? else { continue };
            rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))?;
            // The process that held the lock before may have moved the file into the store, or
            // removed it.
            let ours = file.metadata()?;
            let current = fs_err::metadata(path).is_ok_and(|at_path| at_path.ino() == ours.ino());
            if current && !is_there() {
                return Ok(Some(Self {
                    path: path.to_owned(),
                    file,
                    hasher: Hasher::new(),
                    len: 0,
                    resumed: false,
                    furthest: 0,
                }));
            }
            if current {
                fs_err::remove_file(path)?;
            }
        }
        Ok(None)
    }

    /// Continues with the bytes that an earlier run has left, unless they are more than `longest`.
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
        self.resumed = self.len > 0;
        self.furthest = self.len;
        Ok(())
    }

    /// Decides what `error` means in view of the length that the file has reached. Only a file
    /// that is longer than ever before counts as an advance, so that the attempts end.
    pub(super) fn classify(&mut self, error: AttemptError) -> AttemptError {
        let advanced = self.len > self.furthest;
        self.furthest = self.furthest.max(self.len);
        match error {
            AttemptError::Transient(error) if advanced => AttemptError::Progressed(error),
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

    /// Leaves the received bytes for the next run; an empty file is removed.
    pub(super) fn leave(self) {
        if self.len == 0 {
            // A failure to remove the file is not reported, because the error of the download says
            // more.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

/// Opens the partial file at `path`, or makes it if it is missing. A file that cannot be opened,
/// that is not regular or that belongs to another user is removed. No symlink is followed and no
/// pipe is waited for.
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
