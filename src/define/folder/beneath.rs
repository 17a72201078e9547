//! Reads a folder that somebody else may have written, without ever leaving it.
//!
//! A person who clones a repository and builds in it has not looked at every link there. So every file of a folder of
//! definitions is opened by the kernel *beneath* that folder (`openat2(2)` with
//! `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS`): a link that leads out of the folder, by `..`, by an absolute target or through
//! `/proc`, is refused, even if it is made while imgbuild runs. Links that stay inside are followed. Devices, sockets and
//! pipes are refused before they are opened for reading, and every length is limited. A hard link to a file outside cannot
//! be recognized, because it is that file itself.

use super::error::FolderError;
use crate::listing;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, readlinkat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open folder, beneath which files are opened.
#[derive(Debug)]
pub(crate) struct Beneath {
    folder: OwnedFd,
    /// The path, for messages.
    path: PathBuf,
}

/// The file that was found at a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A folder.
    Folder(Beneath),
    /// A regular file.
    File {
        /// The file.
        file: OwnedFile,
        /// Whether its owner has the permission to execute it.
        executable: bool,
    },
    /// A symlink that was not followed, with its target.
    Symlink(OsString),
}

/// A regular file that is open but not read yet.
#[derive(Debug)]
pub(crate) struct OwnedFile {
    file: fs_err::File,
    path: PathBuf,
}

/// What to do if the last name of a path is a symlink.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Follow it if it stays inside the folder.
    Followed,
    /// Return the symlink itself.
    Shown,
}

impl Beneath {
    /// Opens the folder `path`, which the user names; `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, FolderError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let path = path.to_owned();
        match opened {
            Ok(folder) => Ok(Some(Self { folder, path })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(FolderError::of(path, error)),
        }
    }

    /// Finds the file at `path`; `None` if there is none.
    pub(crate) fn find(&self, path: &str, links: Links) -> Result<Option<Found>, FolderError> {
        let place = self.path.join(path);
        let flags = match links {
            Links::Followed => OFlags::PATH,
            Links::Shown => OFlags::PATH | OFlags::NOFOLLOW,
        };
        let handle = match self.resolve(path, flags) {
            Ok(handle) => handle,
            // A file with a name of that length cannot exist.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
            Err(error) => return Err(FolderError::of(place, error)),
        };
        let failed = |error| FolderError::of(place.clone(), error);
        let stat = fstat(&handle).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Some(Found::Folder(Self {
                folder: handle,
                path: place,
            }))),
            FileType::Symlink => {
                let target = readlinkat(&handle, "", Vec::new()).map_err(failed)?;
                let target = std::os::unix::ffi::OsStringExt::from_vec(target.into_bytes());
                Ok(Some(Found::Symlink(target)))
            }
            FileType::RegularFile => self.readable(path, flags, &stat).map(Some),
            _ => Err(FolderError::Strange(place)),
        }
    }

    /// Opens the file at `path` for reading. `was` is its state a moment ago, when it was a regular file.
    fn readable(&self, path: &str, flags: OFlags, was: &Stat) -> Result<Found, FolderError> {
        let place = self.path.join(path);
        let failed = |error| FolderError::of(place.clone(), error);
        let flags = (flags - OFlags::PATH) | OFlags::NONBLOCK | OFlags::NOCTTY;
        let handle = self.resolve(path, flags).map_err(failed)?;
        let is = fstat(&handle).map_err(failed)?;
        if (is.st_dev, is.st_ino) != (was.st_dev, was.st_ino) {
            return Err(FolderError::Changed(place));
        }
        Ok(Found::File {
            file: OwnedFile {
                file: fs_err::File::from_parts(handle.into(), &place),
                path: place,
            },
            executable: is.st_mode & 0o100 != 0,
        })
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        loop {
            let flags = flags | OFlags::CLOEXEC;
            match openat2(&self.folder, path, flags, Mode::empty(), resolve) {
                // A rename at the same time kept the kernel from telling whether the path stays inside.
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return opened,
            }
        }
    }

    /// The names in the folder, sorted by their bytes.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, FolderError> {
        let failed = |error| FolderError::of(self.path.clone(), error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = self.resolve(".", flags).map_err(failed)?;
        listing::sorted_in(&folder).map_err(|error| FolderError::System(self.path.clone(), error))
    }

    /// The path with a slash at its end, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.join("")
    }
}

impl OwnedFile {
    /// Reads the bytes of the file, which are `limit` at most.
    pub(crate) fn read(self, limit: u64) -> Result<Arc<[u8]>, FolderError> {
        let mut bytes = Vec::new();
        self.file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(FolderError::TooLong(self.path, limit));
        }
        Ok(bytes.into())
    }
}
