//! Unfinished files and folders, and who they belong to.
//!
//! Whoever makes something unfinished holds a lock on it. The kernel takes the lock away when the
//! owner ends, however it ends, so that a later process can tell what is abandoned (and sweep it) from
//! what another one is busy with. A process number in a name only keeps two owners apart.

use crate::listing;
use crate::removal::remove;
use crate::units::Bytes;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file on its way to its final name. Dropped before [`Unfinished::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    partial: PathBuf,
    /// Absent once the file has its final name.
    file: Option<fs_err::File>,
}

impl Unfinished {
    /// Starts the file that will be `path`: beside it, as `<name>.<process>.partial`. What ended
    /// processes have left there under such names is removed. A symlink at `path` will be replaced,
    /// not followed.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_as(path, 0o666)
    }

    /// The same for a file that nobody but its owner may read, not even while it is written. It does
    /// not take over the mode of a file that it replaces.
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::create_as(path, 0o600)
    }

    fn create_as(path: &Path, mode: u32) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let is_ours = |found: &OsStr| is_partial_name(found, name);
        // Only neatness is lost where a folder cannot be listed.
        let _ = sweep(folder(path), is_ours);
        let make = |partial: &Path| {
            let mut options = fs_err::OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(mode);
            options.open(partial)
        };
        let (partial, file) = claim(
            |attempt| path.with_file_name(partial_name(name, attempt)),
            make,
        )?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            file: Some(file),
        })
    }

    /// Its name until it is finished: to be removed by whoever ends the process without unwinding,
    /// as on Ctrl-C.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// The file.
    pub fn file(&self) -> &fs_err::File {
        self.file.as_ref().expect("it is not finished yet")
    }

    /// Gives the file its final name, in a way that outlives a loss of power.
    pub fn finish(mut self) -> io::Result<()> {
        self.file().sync_all()?;
        fs_err::rename(&self.partial, &self.path)?;
        self.file = None;
        sync_folder(folder(&self.path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing can be done about a failure here; the name tells what the file is.
            let _ = fs_err::remove_file(&self.partial);
        }
    }
}

/// A folder for unfinished things. Dropped, it is gone with all that is in it.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    _lock: fs_err::File,
}

impl ScratchFolder {
    /// Makes a folder of this process's own in `parent`, after removing what ended ones have left.
    pub fn create(parent: &Path) -> io::Result<Self> {
        sweep(parent, |_| true)?;
        let process = std::process::id();
        let make = |path: &Path| {
            fs_err::create_dir(path)?;
            fs_err::File::open(path).map_err(|error| match error.kind() {
                // Swept before it could be opened.
                io::ErrorKind::NotFound => io::ErrorKind::AlreadyExists.into(),
                _ => error,
            })
        };
        let (path, lock) = claim(|attempt| parent.join(format!("{process}-{attempt}")), make)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Whatever stays is swept by the next owner of a folder here.
        let _ = remove(&self.path);
    }
}

/// Makes and locks the first of the names that nobody has.
fn claim(
    name: impl Fn(u32) -> PathBuf,
    make: impl Fn(&Path) -> io::Result<fs_err::File>,
) -> io::Result<(PathBuf, fs_err::File)> {
    for attempt in 0.. {
        let path = name(attempt);
        match make(&path) {
            // Swept by another process between its making and its locking, it is made anew.
            Ok(file) if lock(&file, &path)? == Locked::ByOther => {}
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("there are fewer than 2^32 processes")
}

/// Whose something unfinished is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Locked {
    /// Ours now.
    ByUs,
    /// Of a living process, or gone.
    ByOther,
    /// Nobody can tell: this filesystem has no locks. Nothing is ever swept there.
    Never,
}

/// Locks `file`, which lies at `path` unless somebody has taken it away.
fn lock(file: &fs_err::File, path: &Path) -> io::Result<Locked> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Locked::ByOther),
        Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            return Ok(Locked::Never);
        }
        Err(error) => return Err(error.into()),
    }
    let ours = file.metadata()?;
    let still = fs_err::symlink_metadata(path);
    Ok(match still {
        Ok(still) if (still.dev(), still.ino()) == (ours.dev(), ours.ino()) => Locked::ByUs,
        _ => Locked::ByOther,
    })
}

/// Removes what is abandoned in `folder` and `wanted` names. What cannot be removed stays.
fn sweep(folder: &Path, wanted: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    for name in listing::sorted(folder)?
        .into_iter()
        .filter(|name| wanted(name))
    {
        let path = folder.join(name);
        // Another user's, or gone in this moment.
        let Ok(file) = open(&path) else { continue };
        if matches!(lock(&file, &path), Ok(Locked::ByUs)) {
            let _ = remove(&path);
        }
    }
    Ok(())
}

/// Opens a file or folder to lock it, and never waits for a pipe or follows a link.
fn open(path: &Path) -> io::Result<fs_err::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(fs_err::File::from_parts(file.into(), path))
}

/// What an ordinary user can still write to the disk of `folder`; nothing where it cannot tell.
pub fn free(folder: &Path) -> Bytes {
    let found = rustix::fs::statvfs(folder);
    Bytes(found.map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize)))
}

fn partial_name(name: &OsStr, attempt: u32) -> OsString {
    let mut partial = name.to_owned();
    partial.push(match attempt {
        0 => format!(".{}.partial", std::process::id()),
        n => format!(".{}-{n}.partial", std::process::id()),
    });
    partial
}

/// Whether `found` is what [`partial_name`] makes of `name` in some process.
fn is_partial_name(found: &OsStr, name: &OsStr) -> bool {
    let rest = found
        .as_encoded_bytes()
        .strip_prefix(name.as_encoded_bytes());
    let rest = rest.and_then(|rest| rest.strip_prefix(b"."));
    let owner = rest.and_then(|rest| rest.strip_suffix(b".partial"));
    owner.is_some_and(|owner| {
        !owner.is_empty()
            && owner
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'-')
    })
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A rename is safe against a loss of power once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs_err::File::open(folder)?.sync_all() {
        // Some filesystems cannot sync a folder; theirs is then as safe as it gets.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let names = listing::sorted(folder).unwrap().into_iter();
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn what_an_ended_process_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        for name in [
            "x.img.1.partial",
            "x.img.1-7.partial",
            "x.img.a.partial",
            "y.img.1.partial",
        ] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let busy = Unfinished::create(&path).unwrap();
        let other = Unfinished::create(&path).unwrap();
        let partial = |one: &Unfinished| one.partial().file_name().unwrap().to_owned();
        let mut expected = vec![
            "x.img.a.partial".into(),
            "y.img.1.partial".into(),
            partial(&busy),
            partial(&other),
        ];
        expected.sort();
        assert_eq!(listing::sorted(folder.path()).unwrap(), expected);
        busy.finish().unwrap();
        drop(other);
        assert_eq!(
            names(folder.path()),
            ["x.img", "x.img.a.partial", "y.img.1.partial"]
        );
    }

    #[test]
    fn a_scratch_folder_of_an_ended_process_is_swept_whatever_its_modes() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("1-0/closed");
        fs_err::create_dir_all(closed.join("deep")).unwrap();
        fs_err::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        fs_err::write(folder.path().join("1-1"), "").unwrap();
        let one = ScratchFolder::create(folder.path()).unwrap();
        fs_err::write(one.path().join("busy"), "").unwrap();
        let two = ScratchFolder::create(folder.path()).unwrap();
        assert_eq!(names(one.path()), ["busy"]);
        assert_eq!(names(folder.path()).len(), 2);
        drop((one, two));
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
