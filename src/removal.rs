//! Removes a folder with everything in it, whatever its modes and however deep it is.
//!
//! The files that are removed here were made by scripts of packages. So the removal works with
//! descriptors and never with paths: a path has at most PATH_MAX bytes, and a symlink could lead it
//! elsewhere. At most `DEPTH` folders are open at once: a folder that lies deeper is moved up
//! into the first folder and removed from there. A filesystem that is mounted somewhere below is
//! left alone. A file that cannot be removed stays, and the removal of the others goes on.

use crate::listing;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// The most folders inside each other that are open at once.
const DEPTH: u32 = 64;

/// Removes the file `path`, or the folder `path` with everything in it.
///
/// # Errors
///
/// Something could not be removed; the error is the first one of the last pass.
pub fn remove(path: &Path) -> io::Result<()> {
    if !fs_err::symlink_metadata(path)?.is_dir() {
        return fs_err::remove_file(path);
    }
    let first = open_folder(CWD, path.as_os_str())?;
    let mut removal = Removal {
        device: rustix::fs::fstat(&first)?.st_dev,
        first,
        n_moved: 0,
        progress: false,
        error: None,
    };
    loop {
        removal.progress = false;
        removal.error = None;
        let first = removal.first.try_clone()?;
        removal.empty(first.as_fd(), 1);
        match fs_err::remove_dir(path) {
            Ok(()) => return Ok(()),
            // A folder was moved up into this one, or a file was made in it meanwhile: another pass
            // removes it.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && removal.progress => {}
            Err(error) => return Err(removal.error.unwrap_or(error)),
        }
    }
}

/// A removal in progress.
struct Removal {
    /// The device on which everything must be that is removed.
    device: u64,
    first: OwnedFd,
    n_moved: u64,
    /// Whether this pass has removed or moved anything.
    progress: bool,
    /// The first error of this pass.
    error: Option<io::Error>,
}

impl Removal {
    /// Removes everything in `folder`, which is the deepest of `depth` open folders.
    fn empty(&mut self, folder: BorrowedFd<'_>, depth: u32) {
        let names = listing::sorted_in(folder).unwrap_or_else(|error| {
            self.note(Err(error));
            Vec::new()
        });
        for name in names {
            let removed = match rustix::fs::unlinkat(folder, &name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => self.remove_folder(folder, &name, depth),
                removed => removed.map_err(io::Error::from),
            };
            self.note(removed);
        }
    }

    /// Removes the folder `name` of `parent`, or moves it up if it is too deep.
    fn remove_folder(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        depth: u32,
    ) -> io::Result<()> {
        if rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).is_ok() {
            return Ok(());
        }
        let folder = open_folder(parent, name)?;
        if rustix::fs::fstat(&folder)?.st_dev != self.device {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        if depth == DEPTH {
            return self.move_up(parent, name);
        }
        self.empty(folder.as_fd(), depth + 1);
        Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves the folder `name` of `parent` to a new name in the first folder, where a later pass
    /// finds it.
    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        loop {
            let new = format!("moved-{}", self.n_moved);
            self.n_moved += 1;
            match rustix::fs::renameat(parent, name, &self.first, &new) {
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                moved => return Ok(moved?),
            }
        }
    }

    fn note(&mut self, done: io::Result<()>) {
        match done {
            Ok(()) => self.progress = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => drop(self.error.get_or_insert(error)),
        }
    }
}

/// Opens the folder `name` of `parent`, which may not be a symlink, and gives its owner all
/// permissions.
fn open_folder(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
    if rustix::fs::fstat(&folder)?.st_mode & 0o700 != 0o700 {
        // A folder without read permission can only be opened with O_PATH, and fchmod(2) refuses
        // such a descriptor.
        let own = format!("/proc/self/fd/{}", folder.as_raw_fd());
        rustix::fs::chmod(own, Mode::RWXU)?;
    }
    Ok(rustix::fs::openat(&folder, ".", flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Folders inside each other, `depth` of them, made as a script does that changes into each.
    fn deep(top: &Path, depth: u32) {
        let mut folder = open_folder(CWD, top.as_os_str()).unwrap();
        for _ in 0..depth {
            rustix::fs::mkdirat(&folder, "a", Mode::RWXU).unwrap();
            let file = OFlags::CREATE | OFlags::WRONLY;
            rustix::fs::openat(&folder, "file", file, Mode::empty()).unwrap();
            folder = open_folder(&folder, OsStr::new("a")).unwrap();
        }
    }

    fn n_open() -> usize {
        listing::sorted(Path::new("/proc/self/fd")).unwrap().len()
    }

    #[test]
    fn levels_far_below_the_longest_path_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("x");
        fs_err::create_dir(&folder).unwrap();
        deep(&folder, 10_000);
        let other = folder.join("moved-0/b/c");
        fs_err::create_dir_all(&other).unwrap();
        deep(&other, 200);
        remove(&folder).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn modes_do_not_matter_and_links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, kept) = (parent.path().join("x"), parent.path().join("kept"));
        fs_err::create_dir(&kept).unwrap();
        fs_err::write(kept.join("file"), "").unwrap();
        fs_err::create_dir_all(folder.join("closed/deep/er")).unwrap();
        symlink(&kept, folder.join("closed/deep/link")).unwrap();
        for closed in ["closed/deep", "closed"] {
            let mode = std::fs::Permissions::from_mode(0o000);
            fs_err::set_permissions(folder.join(closed), mode).unwrap();
        }
        let link = parent.path().join("link");
        symlink(&folder, &link).unwrap();
        remove(&link).unwrap();
        assert!(folder.join("closed").exists());
        remove(&folder).unwrap();
        assert!(!folder.exists() && kept.join("file").exists());
    }

    #[test]
    fn few_folders_are_open_at_once_and_an_error_ends_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("x");
        fs_err::create_dir(&folder).unwrap();
        deep(&folder, 300);
        fs_err::write(folder.join("z"), "").unwrap();
        let first = open_folder(CWD, folder.as_os_str()).unwrap();
        let mut removal = Removal {
            // Every folder seems to lie on another filesystem.
            device: 0,
            first: first.try_clone().unwrap(),
            n_moved: 0,
            progress: false,
            error: None,
        };
        removal.empty(first.as_fd(), 1);
        let error = removal.error.take().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::CrossesDevices);
        assert_eq!(listing::sorted(&folder).unwrap(), ["a"]);
        removal.device = rustix::fs::fstat(&first).unwrap().st_dev;
        let before = n_open();
        removal.empty(first.as_fd(), 1);
        assert_eq!(listing::sorted(&folder).unwrap(), ["moved-0"]);
        // Other tests of this process open files at the same time.
        assert!(n_open() < before + 50);
        remove(&folder).unwrap();
    }
}
