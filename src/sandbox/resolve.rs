//! Finds the file that a stopped system call names: the one that the kernel would find for the
//! caller, and never one that does not belong to the sandbox.
//!
//! The supervisor resolves paths for scripts and has more rights than they have, so a script might
//! try to lead it elsewhere. Its law:
//!
//! - A path is resolved by the kernel in one call, from the caller's own working directory or
//!   descriptor and below the caller's own root, and no magic link is followed on the way
//!   (`RESOLVE_NO_MAGICLINKS` of openat2(2)): `/proc/self` would be the supervisor.
//! - From then on, the file is known by its descriptor and never by its path.
//! - A file on another mount than those of the sandbox (a device, /proc, a pipe) is left alone.
//!   There is no list of paths.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags};
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The place at which a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The caller's working directory.
    Here,
    /// The folder that the caller has open under this number.
    Descriptor(i32),
}

/// The place from which a path is looked up.
#[derive(Debug)]
pub(super) enum Base {
    Start(Start),
    /// The folder in which a symlink was found.
    Folder(OwnedFd),
}

/// The options of a lookup.
#[derive(Clone, Copy)]
struct How {
    flags: OFlags,
    resolve: ResolveFlags,
}

impl From<OFlags> for How {
    fn from(flags: OFlags) -> Self {
        let resolve = ResolveFlags::empty();
        Self { flags, resolve }
    }
}

/// A file on one of the mounts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    mount: u64,
    device: (u32, u32),
    number: u64,
}

/// The sandbox as the supervisor sees it.
pub(super) struct Resolver {
    root: Place,
    /// Whether some process may have another root directory than that.
    chrooted: bool,
    /// The ids of the mounts whose files scripts may own.
    mounts: BTreeSet<u64>,
}

impl Resolver {
    /// Makes the resolver. The supervisor calls this when the tree is its root. Scripts may own the
    /// files on the mounts of the root and of `folders`.
    pub(super) fn new(folders: &[&str]) -> io::Result<Self> {
        let root = place(CWD, c"/")?;
        let mut mounts = BTreeSet::from([root.mount]);
        for folder in folders {
            mounts.insert(place(CWD, &CString::new(*folder)?)?.mount);
        }
        Ok(Self {
            root,
            chrooted: false,
            mounts,
        })
    }

    /// Processes may have roots of their own from now on. Most sandboxes end without one.
    pub(super) fn expect_roots(&mut self) {
        self.chrooted = true;
    }

    /// Opens the file that `path` names for thread `tid`, or the start itself if it is empty. With
    /// `follow`, a final symlink is followed. The descriptor has no rights (`O_PATH`).
    pub(super) fn open(
        &self,
        tid: u32,
        start: Start,
        path: &CStr,
        follow: bool,
    ) -> io::Result<OwnedFd> {
        if path.is_empty() {
            return start.open(tid);
        }
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        if !follow {
            flags |= OFlags::NOFOLLOW;
        }
        let start = match path.to_bytes() {
            [b'/', ..] => None,
            _ => Some(start.open(tid)?),
        };
        let from = start.as_ref().map_or(CWD, AsFd::as_fd);
        self.find(tid, from, path, How::from(flags))
    }

    /// Opens the folder that `path` names for thread `tid`, looked up from `from`. `resolve` holds
    /// the restrictions of the way that the thread itself has asked for.
    pub(super) fn open_folder(
        &self,
        tid: u32,
        from: &Base,
        path: &CStr,
        resolve: ResolveFlags,
    ) -> io::Result<OwnedFd> {
        let how = How {
            flags: OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY,
            resolve,
        };
        let absolute = path.to_bytes().first() == Some(&b'/');
        let start = match from {
            _ if absolute && !resolve.contains(ResolveFlags::IN_ROOT) => None,
            Base::Folder(folder) => Some(folder.try_clone()?),
            Base::Start(start) => Some(start.open(tid)?),
        };
        let from = start.as_ref().map_or(CWD, AsFd::as_fd);
        self.find(tid, from, path, how)
    }

    fn find(&self, tid: u32, from: BorrowedFd<'_>, path: &CStr, how: How) -> io::Result<OwnedFd> {
        if self.chrooted {
            let root = CString::new(format!("/proc/{tid}/root"))?;
            if place(CWD, &root)? != self.root {
                return resolve_below(&root, from, path, how);
            }
        }
        resolve(from, path, how)
    }

    /// Whether scripts may own `file`.
    pub(super) fn is_inside(&self, file: &OwnedFd) -> io::Result<bool> {
        let place = place(file.as_fd(), c"")?;
        Ok(self.mounts.contains(&place.mount))
    }
}

impl Start {
    /// The status of the start, by the kernel's own record of thread `tid`.
    pub(super) fn stat(self, tid: u32) -> io::Result<rustix::fs::Stat> {
        Ok(rustix::fs::stat(self.path(tid))?)
    }

    fn open(self, tid: u32) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match (rustix::fs::open(self.path(tid), flags, Mode::empty()), self) {
            (Err(rustix::io::Errno::NOENT), Self::Descriptor(_)) => {
                Err(io::Error::from_raw_os_error(libc::EBADF))
            }
            (opened, _) => Ok(opened?),
        }
    }

    fn path(self, tid: u32) -> String {
        match self {
            Self::Here => format!("/proc/{tid}/cwd"),
            Self::Descriptor(number) => format!("/proc/{tid}/fd/{number}"),
        }
    }
}

/// Resolves a path below the root of this thread.
fn resolve(from: BorrowedFd<'_>, path: &CStr, how: How) -> io::Result<OwnedFd> {
    let way = how.resolve | ResolveFlags::NO_MAGICLINKS;
    Ok(rustix::fs::openat2(
        from,
        path,
        how.flags,
        Mode::empty(),
        way,
    )?)
}

/// Resolves a path below another root. A new thread moves into that root and ends there.
fn resolve_below(root: &CStr, from: BorrowedFd<'_>, path: &CStr, how: How) -> io::Result<OwnedFd> {
    let there = || {
        super::process::unshare(rustix::thread::UnshareFlags::FS)?;
        rustix::process::chroot(root)?;
        resolve(from, path, how)
    };
    std::thread::scope(|scope| scope.spawn(there).join())
        .map_err(|_| io::Error::other("the thread in another root panicked"))?
}

fn place(from: BorrowedFd<'_>, path: &CStr) -> io::Result<Place> {
    let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
    let found = rustix::fs::statx(from, path, AtFlags::EMPTY_PATH, wanted)?;
    let known = StatxFlags::from_bits_retain(found.stx_mask);
    if !known.contains(StatxFlags::MNT_ID) {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    Ok(Place {
        mount: found.stx_mnt_id,
        device: (found.stx_dev_major, found.stx_dev_minor),
        number: found.stx_ino,
    })
}
