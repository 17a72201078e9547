//! Opens the files of objects, and recognizes an unchanged file without reading it.

use crate::digest::{Hasher, Sha256};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The state of an object as this process knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its inode when it was opened last.
    pub(super) inode: String,
    /// Whether this process has hashed the content. If not, only the inode is known.
    pub(super) proven: bool,
}

/// The number of bytes that are read and hashed at once.
const CHUNK: usize = 256 << 10;

/// Opens object `digest` of the store at `store`, for a process that has no [`super::Store`]. Its
/// content is not checked here: the process that started this one has proven it.
pub(crate) fn open_in(store: &Path, digest: &Sha256) -> io::Result<fs_err::File> {
    open(
        open_folder(rustix::fs::CWD, &store.join("objects"))?,
        digest,
    )
}

/// Opens the file of object `digest` below the folder `objects`. Only a regular file is opened. A
/// symlink is not followed, whether it is the file or the folder above it, and a pipe is not waited
/// for.
pub(super) fn open(objects: impl AsFd, digest: &Sha256) -> io::Result<fs_err::File> {
    let name = digest.to_string();
    let (folder, rest) = name.split_at(2);
    let above = open_folder(objects, Path::new(folder))?;
    open_regular(above, Path::new(rest), Path::new(folder).join(rest))
}

/// Opens the folder `name` of the folder `at`. A symlink is refused.
pub(super) fn open_folder(at: impl AsFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

/// Opens the regular file `name` of the folder `at`. Errors show it as `shown`.
pub(super) fn open_regular(at: impl AsFd, name: &Path, shown: PathBuf) -> io::Result<fs_err::File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(at, name, flags, Mode::empty())?;
    let found = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if found != FileType::RegularFile {
        let what = format!("it is {}, expected a regular file", describe(found));
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(fs_err::File::from_parts(file.into(), shown))
}

/// The words for a file of type `found` in messages.
pub(crate) fn describe(found: FileType) -> &'static str {
    match found {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symlink",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Unknown => "of an unknown type",
    }
}

/// Says why an object that could not be opened is worthless; `None` if the cause is the machine and
/// not the object.
pub(super) fn why_useless(error: &io::Error) -> Option<String> {
    let errno = Errno::from_io_error(error);
    match errno {
        Some(Errno::LOOP) => Some("it is a symlink, expected a regular file".to_owned()),
        Some(Errno::NXIO) => Some("it is a socket, expected a regular file".to_owned()),
        Some(Errno::NOTDIR) => Some("its folder is no folder".to_owned()),
        Some(Errno::ACCESS | Errno::PERM | Errno::IO) => Some(error.to_string()),
        Some(_) => None,
        None if error.kind() == io::ErrorKind::InvalidData => Some(error.to_string()),
        None => None,
    }
}

/// The owner of `file`, if that is neither this user nor root.
pub(super) fn foreign_owner(file: &fs_err::File) -> io::Result<Option<u32>> {
    let owner = file.metadata()?.uid();
    let own = rustix::process::geteuid().as_raw();
    Ok((owner != own && owner != 0).then_some(owner))
}

/// A text that changes whenever anybody writes to the file of an object, replaces it or changes its
/// mode: number, length and times of its inode. No program can set the time of change (ctime) or
/// the time of birth. The number of the device is not part of it, because many filesystems get
/// another one at each start of the machine.
pub(super) fn inode(file: &fs_err::File) -> io::Result<String> {
    let found = file.metadata()?;
    let born = found.created().ok();
    let born = born.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let born = born.unwrap_or_default();
    Ok(format!(
        "{} {} {}.{:09} {}.{:09} {}.{:09}\n",
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
        born.as_secs(),
        born.subsec_nanos(),
    ))
}

/// The digest of the whole `file`. The position of the file does not move.
pub(super) fn hash(file: &fs_err::File) -> io::Result<Sha256> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    loop {
        match file.file().read_at(&mut buffer, at) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                at += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
