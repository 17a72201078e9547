//! A folder of somebody else's, read without ever leaving it.
//!
//! Whoever clones a repository and builds in it has not looked into every link there. So whatever lies in
//! a folder of definitions is opened by the kernel *beneath* that folder (`openat2(2)` with
//! `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS`): a link that leads out of it, by `..`, by an absolute target or
//! through `/proc`, is refused, whoever puts it there and whenever. Links that stay inside are followed.
//! Devices, sockets and pipes are refused before they are opened for reading, and every length is bounded.
//! This type is the only way to read there. What it cannot tell is a hard link: that is the file itself.

use super::error::FolderError;
use crate::listing;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2, readlinkat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that nothing read through it leads out of.
#[derive(Debug)]
pub(crate) struct Beneath {
    folder: OwnedFd,
    /// Where it is, for messages.
    path: PathBuf,
}

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A folder.
    Folder(Beneath),
    /// A file: whether its owner may run it.
    File {
        /// The file.
        file: OwnedFile,
        /// The owner's bit for running it.
        executable: bool,
    },
    /// A symlink, which was not followed, and what it points to.
    Symlink(OsString),
}

/// A regular file, not read yet.
#[derive(Debug)]
pub(crate) struct OwnedFile {
    file: fs_err::File,
    path: PathBuf,
}

/// Whether the last name of a path may be a symlink.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It is followed if it stays inside.
    Followed,
    /// It is shown.
    Shown,
}

impl Beneath {
    /// The folder `path`, which the user names; nothing where there is none.
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

    /// What stands at `path`; nothing where nothing does.
    pub(crate) fn find(&self, path: &str, links: Links) -> Result<Option<Found>, FolderError> {
        let place = self.path.join(path);
        let flags = match links {
            Links::Followed => OFlags::PATH,
            Links::Shown => OFlags::PATH | OFlags::NOFOLLOW,
        };
        let handle = match self.resolve(path, flags) {
            Ok(handle) => handle,
            // A name that no file can have is the name of none.
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
            _ => Err(FolderError::Strange { path: place }),
        }
    }

    /// The file at `path`, which was one a moment ago, for reading.
    fn readable(&self, path: &str, flags: OFlags, was: &Stat) -> Result<Found, FolderError> {
        let place = self.path.join(path);
        let failed = |error| FolderError::of(place.clone(), error);
        let flags = (flags - OFlags::PATH) | OFlags::NONBLOCK | OFlags::NOCTTY;
        let handle = self.resolve(path, flags).map_err(failed)?;
        let is = fstat(&handle).map_err(failed)?;
        if (is.st_dev, is.st_ino) != (was.st_dev, was.st_ino) {
            return Err(FolderError::Changed { path: place });
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
                // Something was renamed meanwhile, and the kernel could not tell where it was.
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return opened,
            }
        }
    }

    /// The names in the folder, sorted bytewise.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, FolderError> {
        let failed = |error| FolderError::of(self.path.clone(), error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = self.resolve(".", flags).map_err(failed)?;
        listing::sorted_in(&folder).map_err(|error| {
            let path = self.path.clone();
            FolderError::System { path, error }
        })
    }

    /// Where `name` in it is, for messages.
    pub(crate) fn place(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl OwnedFile {
    /// Its bytes, if there are at most `limit` of them.
    pub(crate) fn read(self, limit: u64) -> Result<Arc<[u8]>, FolderError> {
        let mut bytes = Vec::new();
        self.file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            let path = self.path;
            return Err(FolderError::TooLong { path, limit });
        }
        Ok(bytes.into())
    }
}
