//! Unfinished files and folders, which are recognized as abandoned when their owner has ended.
//!
//! A process holds a lock on each unfinished file or folder that it makes. The kernel releases the
//! lock when the process ends, for whatever reason. So a later process can tell an abandoned file,
//! which it removes, from one that another process still uses. A process number in a name only
//! keeps the names of two processes apart.

use crate::listing;
use crate::removal::remove;
use crate::units::Bytes;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A file that does not have its final name yet. If it is dropped before [`Unfinished::finish`], it
/// leaves nothing behind.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    partial: PathBuf,
    /// Absent once the file has its final name.
    file: Option<fs_err::File>,
}

impl Unfinished {
    /// Makes the unfinished file of `path`: beside it, as `<name>.<process>.partial`. Such files of
    /// processes that have ended are removed. A symlink at `path` will be replaced, not followed.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_as(path, 0o666)
    }

    /// Makes the unfinished file of `path`, as [`Unfinished::create`] does, so that only its owner
    /// may read it, even while it is written. It does not take over the mode of a file that it
    /// replaces.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::create_as(path, 0o600)
    }

    fn create_as(path: &Path, mode: u32) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        check_replaced(path)?;
        let is_ours = |found: &OsStr| is_partial_name(found, name);
        // If the folder cannot be listed, old files stay there; nothing else is lost.
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

    /// The path of the unfinished file. Code that ends the process without unwinding, as on Ctrl-C,
    /// must remove it.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// The file.
    pub fn file(&self) -> &fs_err::File {
        self.file.as_ref().expect("it is not finished yet")
    }

    /// Syncs the file and gives it its final name, so that both survive a loss of power.
    ///
    /// # Errors
    ///
    /// The file or its folder cannot be synced, or the file cannot be renamed.
    pub fn finish(mut self) -> io::Result<()> {
        Self::finish_together(&mut [&mut self]).map_err(|(_, error)| error)
    }

    /// Syncs `files` and gives them their final names, in their order. None gets its name before all of them are
    /// synced, because a full disk may show only then, and the names are given within one moment.
    ///
    /// # Errors
    ///
    /// As of [`Unfinished::finish`], with the index of the file.
    pub fn finish_together(files: &mut [&mut Self]) -> Result<(), (usize, io::Error)> {
        for (index, file) in files.iter().enumerate() {
            let ready = file.file().sync_all().and_then(|()| file.check_place());
            ready.map_err(|error| (index, error))?;
        }
        for (index, file) in files.iter_mut().enumerate() {
            let renamed = fs_err::rename(&file.partial, &file.path);
            renamed.map_err(|error| (index, error))?;
            file.file = None;
        }
        for (index, file) in files.iter().enumerate() {
            let synced = sync_folder(folder(&file.path));
            synced.map_err(|error| (index, error))?;
        }
        Ok(())
    }

    /// Refuses the final name if a folder has been made there. The rename of this file would fail, after those of
    /// other files.
    fn check_place(&self) -> io::Result<()> {
        match fs_err::symlink_metadata(&self.path) {
            Ok(found) if found.is_dir() => {
                let words = format!("`{}` is a folder", self.path.display());
                Err(io::Error::new(io::ErrorKind::IsADirectory, words))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // A failure is ignored: no caller is left to report to, and the name shows what the
            // file is.
            let _ = fs_err::remove_file(&self.partial);
        }
    }
}

/// The users who may read an unfinished file or folder, also while it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Every user whom the umask permits.
    Anyone,
    /// The owner alone.
    Owner,
}

/// A folder that does not have its final name yet. If it is dropped before
/// [`UnfinishedFolder::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct UnfinishedFolder {
    path: PathBuf,
    partial: PathBuf,
    /// Absent once the folder has its final name.
    lock: Option<fs_err::File>,
}

impl UnfinishedFolder {
    /// Makes the unfinished folder of `path`: beside it, as `<name>.<process>.partial`. Such folders
    /// of processes that have ended are removed.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn create(path: &Path, readers: Readers) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        // If the folder above cannot be listed, old folders stay there; nothing else is lost.
        let _ = sweep(folder(path), |found| is_partial_name(found, name));
        let mode = match readers {
            Readers::Anyone => 0o777,
            Readers::Owner => 0o700,
        };
        let (partial, lock) = claim(
            |attempt| path.with_file_name(partial_name(name, attempt)),
            |partial| make_folder(partial, mode),
        )?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            lock: Some(lock),
        })
    }

    /// The path of the unfinished folder. Code that ends the process without unwinding, as on
    /// Ctrl-C, must remove it.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Syncs the folder and gives it its final name, under which there may be an empty folder. The
    /// files in it must be synced already.
    ///
    /// # Errors
    ///
    /// The folder cannot be synced or renamed.
    pub fn finish(mut self) -> io::Result<()> {
        sync_folder(&self.partial)?;
        fs_err::rename(&self.partial, &self.path)?;
        self.lock = None;
        sync_folder(folder(&self.path))
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        if self.lock.take().is_some() {
            // A failure is ignored: no caller is left to report to, and the name shows what the
            // folder is.
            let _ = remove(&self.partial);
        }
    }
}

/// A folder for unfinished files. When it is dropped, it is removed with everything in it.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    _lock: fs_err::File,
}

impl ScratchFolder {
    /// Makes a new folder for this process in `parent`, after it has removed those of processes
    /// that have ended.
    ///
    /// # Errors
    ///
    /// `parent` cannot be read, or the folder cannot be made.
    pub fn create(parent: &Path) -> io::Result<Self> {
        sweep(parent, |_| true)?;
        let process = std::process::id();
        let name = |attempt| parent.join(format!("{process}-{attempt}"));
        let (path, lock) = claim(name, |path| make_folder(path, 0o777))?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // A file that could not be removed is removed by the next process that makes a folder here.
        let _ = remove(&self.path);
    }
}

/// Refuses a path at which something else than a regular file would be lost: a device such as /dev/null, which root
/// could replace by a file, a pipe or a socket, also behind a symlink such as /dev/stdout. A folder cannot be replaced
/// by a file.
fn check_replaced(path: &Path) -> io::Result<()> {
    match fs_err::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a device, a pipe or a socket; expected the name of a new or a regular file",
        )),
        _ => Ok(()),
    }
}

/// Makes a folder and opens it.
fn make_folder(path: &Path, mode: u32) -> io::Result<fs_err::File> {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(mode).create(path)?;
    fs_err::File::open(path).map_err(|error| match error.kind() {
        // Another process has removed the folder before it could be opened.
        io::ErrorKind::NotFound => io::ErrorKind::AlreadyExists.into(),
        _ => error,
    })
}

/// Makes a file or folder under the first of the names that is free, and locks it.
fn claim(
    name: impl Fn(u32) -> PathBuf,
    make: impl Fn(&Path) -> io::Result<fs_err::File>,
) -> io::Result<(PathBuf, fs_err::File)> {
    for attempt in 0.. {
        let path = name(attempt);
        match make(&path) {
            // Another process has removed it before it was locked. It is made anew under the next
            // name.
            Ok(file) if lock(&file, &path)? == Locked::ByOther => {}
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("there are fewer than 2^32 processes")
}

/// The owner of an unfinished file, as far as its lock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Locked {
    /// This process has the lock now.
    ByUs,
    /// A living process has the lock, or the file is gone.
    ByOther,
    /// The filesystem has no locks, so the owner is unknown. Nothing is ever removed there.
    Never,
}

/// Tries to lock `file`, which was opened at `path` and may have been removed since.
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

/// Removes the abandoned files in `folder` whose names are `wanted`. A file that cannot be removed
/// stays. The result is the names of those whose owner runs, or may run.
///
/// # Errors
///
/// `folder` cannot be read.
pub(crate) fn sweep(folder: &Path, wanted: impl Fn(&OsStr) -> bool) -> io::Result<Vec<OsString>> {
    let mut living = Vec::new();
    for name in listing::sorted(folder)?
        .into_iter()
        .filter(|name| wanted(name))
    {
        let path = folder.join(&name);
        // The file belongs to another user, or was removed in this moment.
        let Ok(file) = open(&path) else { continue };
        match lock(&file, &path) {
            Ok(Locked::ByUs) => {
                let _ = remove(&path);
            }
            Ok(Locked::ByOther | Locked::Never) | Err(_) => living.push(name),
        }
    }
    Ok(living)
}

/// The names of the folders in `parent` that a process which still runs has made as its
/// [`ScratchFolder`]. The others are removed.
///
/// # Errors
///
/// `parent` cannot be read.
pub(crate) fn living(parent: &Path) -> io::Result<Vec<OsString>> {
    sweep(parent, |_| true)
}

/// Opens a file or folder to lock it. No pipe is waited for and no symlink is followed.
fn open(path: &Path) -> io::Result<fs_err::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(fs_err::File::from_parts(file.into(), path))
}

/// The space that an ordinary user can still fill on the disk of `folder`, or 0 if that is unknown.
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
    fn no_pipe_is_replaced_by_a_file_and_nothing_behind_a_symlink_to_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let pipe = path("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink(&pipe, path("link")).unwrap();
        fs_err::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink(path("file"), path("replaced")).unwrap();
        for name in ["pipe", "link"] {
            let refused = Unfinished::create(&path(name)).unwrap_err();
            assert!(refused.to_string().contains("a pipe"), "{refused}");
            Unfinished::create_private(&path(name)).unwrap_err();
        }
        Unfinished::create(&path("replaced"))
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(names(folder.path()), ["file", "link", "pipe", "replaced"]);
    }

    #[test]
    fn of_files_that_are_finished_together_none_appears_if_one_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| Unfinished::create(&folder.path().join(name)).unwrap();
        let [mut one, mut two, mut three] = ["one", "two", "three"].map(create);
        fs_err::create_dir(folder.path().join("two")).unwrap();
        let finished = Unfinished::finish_together(&mut [&mut one, &mut two, &mut three]);
        let (index, error) = finished.unwrap_err();
        assert_eq!(index, 1);
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        fs_err::remove_dir(folder.path().join("two")).unwrap();
        Unfinished::finish_together(&mut [&mut one, &mut three]).unwrap();
        drop((one, two, three));
        assert_eq!(names(folder.path()), ["one", "three"]);
    }

    #[test]
    fn a_folder_appears_whole_in_the_place_of_an_empty_one_and_of_no_other() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        fs_err::create_dir_all(parent.path().join("out.1.partial/old")).unwrap();
        fs_err::create_dir(&path).unwrap();
        let one = UnfinishedFolder::create(&path, Readers::Owner).unwrap();
        let mode = one.partial().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs_err::write(one.partial().join("file"), "").unwrap();
        assert_eq!(names(&path), [""; 0]);
        one.finish().unwrap();
        assert_eq!(names(&path), ["file"]);
        let two = UnfinishedFolder::create(&path, Readers::Anyone).unwrap();
        assert!(two.finish().is_err());
        assert_eq!(names(parent.path()), ["out"]);
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
