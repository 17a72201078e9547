//! Gives a new file the owner that it would have without a sandbox: the user of the process that
//! makes it, and the folder's group if the folder has a setgid bit.
//!
//! A file that the kernel makes belongs to root. So if a file is to belong to another user, the
//! supervisor makes it for the caller, and notes the owner before it answers any other call. It
//! follows the law of `resolve`: the folder is found as the caller would find it, from the caller's
//! own root and working directory and without magic links, and must be on a mount of the sandbox.
//! From then on it is known by its descriptor, whatever becomes of its path. The file is made there
//! by a name without a slash and never over an existing file: opening an existing file might wait,
//! as for the other end of a pipe, and the supervisor must not wait.
//!
//! The kernel carries out the call if the file exists already, if the path leads through a magic
//! link, or if the call must fail, so that its own errors are seen. In two cases the kernel then
//! makes a file for root: if a script has removed or exchanged something meanwhile, and if it goes
//! through /proc/self/fd to the new name. No script gains anything by that. Sockets, which bind(2)
//! makes, and devices, which a sandbox cannot make, are left to the kernel too.

use super::credentials::{Credentials, Owner, ROOT};
use super::identities::low;
use super::memory::{self, read_path};
use super::notified::Call;
use super::proc::status_number;
use super::resolve::{Base, Resolver, Start};
use super::seccomp::Notification;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// A file that a call is about to make.
#[derive(Debug)]
pub(super) struct Wanted {
    start: Start,
    path: CString,
    resolve: ResolveFlags,
    what: What,
}

#[derive(Debug)]
enum What {
    /// `open` with these flags, `O_CREAT` among them.
    File(OFlags, Mode),
    /// `open` with these flags, `O_TMPFILE` among them: `path` is the folder.
    Nameless(OFlags, Mode),
    Directory(Mode),
    /// A regular file or a pipe.
    Node(FileType, Mode),
    Symlink(CString),
}

/// A new file.
pub(super) struct Made {
    /// The file, opened without rights (`O_PATH`).
    pub(super) file: OwnedFd,
    /// The file opened as the caller wants it, if the call opens it.
    pub(super) opened: Option<(OwnedFd, OFlags)>,
    /// The owner of the file.
    pub(super) owner: Owner,
}

/// A new file as it was made.
enum New {
    Named(OwnedFd),
    Opened(OwnedFd, OFlags),
}

/// The number of symlinks that the kernel follows in one path.
const MAXSYMLINKS: usize = 40;

impl Wanted {
    /// The file that `call` is about to make; `None` if the kernel can make it alone or must refuse
    /// it.
    pub(super) fn of(call: &Notification) -> io::Result<Option<Self>> {
        let tid = call.tid;
        let [a, b, c, d, ..] = call.arguments;
        let here = libc::AT_FDCWD;
        let at = |argument: u64| low(argument).cast_signed();
        let none = ResolveFlags::empty();
        let created = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC).cast_unsigned();
        let (folder, path, resolve, what) = match call.call {
            Call::Open => (here, a, none, open(low(b), low(c))),
            Call::Creat => (here, a, none, open(created, low(b))),
            Call::Openat => (at(a), b, none, open(low(c), low(d))),
            Call::Openat2 => {
                let Some((what, resolve)) = open_how(tid, c, d)? else {
                    return Ok(None);
                };
                (at(a), b, resolve, Some(what))
            }
            Call::Mkdir => (here, a, none, Some(What::Directory(mode(low(b))))),
            Call::Mkdirat => (at(a), b, none, Some(What::Directory(mode(low(c))))),
            Call::Mknod => (here, a, none, node(low(b))),
            Call::Mknodat => (at(a), b, none, node(low(c))),
            Call::Symlink => (here, b, none, Some(What::Symlink(string(tid, a)?))),
            Call::Symlinkat => (at(b), c, none, Some(What::Symlink(string(tid, a)?))),
            _ => return Ok(None),
        };
        let start = match folder {
            folder if folder == here => Start::Here,
            number => Start::Descriptor(number),
        };
        let path = string(tid, path)?;
        Ok(what.map(|what| Self {
            start,
            path,
            resolve,
            what,
        }))
    }

    /// Makes the file for thread `tid`, whose credentials are `creator`; `None` if the kernel must
    /// carry out the call. `owner` gives the owner of a folder.
    pub(super) fn make(
        &self,
        tid: u32,
        creator: &Credentials,
        resolver: &Resolver,
        owner: impl Fn(&OwnedFd) -> io::Result<Owner>,
    ) -> io::Result<Option<Made>> {
        let Some((folder, name)) = self.place(tid, resolver) else {
            return Ok(None);
        };
        let gives = rustix::fs::fstat(&folder)?.st_mode & libc::S_ISGID != 0;
        let group = gives.then_some(owner(&folder)?.gid);
        let Owner { uid, gid } = creator.owner();
        let owner = Owner {
            uid,
            gid: group.unwrap_or(gid),
        };
        if owner == ROOT {
            return Ok(None);
        }
        let made = with_umask(umask(tid)?, || {
            self.make_at(&folder, &name, |mode| inherited(mode, group, creator))
        });
        let (file, opened) = match made {
            Ok(New::Named(file)) => (file, None),
            Ok(New::Opened(file, flags)) => (bare(&file)?, Some((file, flags))),
            // Another process has made the file meanwhile.
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Made {
            file,
            opened,
            owner,
        }))
    }

    fn make_at(
        &self,
        folder: &OwnedFd,
        name: &CString,
        inherit: impl Fn(Mode) -> Mode,
    ) -> Result<New, Errno> {
        use rustix::fs::{mkdirat, mknodat, openat, symlinkat};
        match &self.what {
            What::File(flags, mode) => {
                let new = *flags | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(folder, name, new, inherit(*mode))?;
                return Ok(New::Opened(file, *flags));
            }
            What::Nameless(flags, mode) => {
                let file = openat(folder, c".", *flags | OFlags::CLOEXEC, inherit(*mode))?;
                return Ok(New::Opened(file, *flags));
            }
            What::Directory(mode) => mkdirat(folder, name, *mode)?,
            What::Node(kind, mode) => mknodat(folder, name, *kind, inherit(*mode), 0)?,
            What::Symlink(target) => symlinkat(target, folder, name)?,
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(folder, name, flags, Mode::empty()).map(New::Named)
    }

    /// The folder of the new file, and its name there.
    fn place(&self, tid: u32, resolver: &Resolver) -> Option<(OwnedFd, CString)> {
        let mut base = Base::Start(self.start);
        let mut path = self.path.clone();
        if let What::Nameless(..) = self.what {
            let folder = resolver.open_folder(tid, &base, &path, self.resolve).ok()?;
            return resolver.is_inside(&folder).ok()?.then_some((folder, path));
        }
        for _ in 0..=MAXSYMLINKS {
            let (folder, name) = self.split(&path)?;
            let folder = resolver
                .open_folder(tid, &base, &folder, self.resolve)
                .ok()?;
            if !resolver.is_inside(&folder).ok()? {
                return None;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&folder, &name, flags, Mode::empty()) {
                Err(Errno::NOENT) => return Some((folder, name)),
                Ok(found) if self.follows() => {
                    // If a symlink leads to nothing, the call makes the file to which it leads.
                    path = rustix::fs::readlinkat(&found, c"", Vec::new()).ok()?;
                    base = Base::Folder(folder);
                }
                _ => return None,
            }
        }
        None
    }

    /// Whether a symlink at the end of the path is followed. If openat2(2) restricts the way, only
    /// the kernel knows whether it may be.
    fn follows(&self) -> bool {
        let stops = OFlags::EXCL | OFlags::NOFOLLOW;
        matches!(&self.what, What::File(flags, _) if !flags.intersects(stops))
            && self.resolve.is_empty()
    }

    /// The folder of a path and the last name. Only the path of a folder may end with a slash.
    fn split(&self, path: &CString) -> Option<(CString, CString)> {
        let mut path = path.as_bytes();
        if let What::Directory(_) = self.what {
            while let [rest @ .., b'/'] = path {
                path = rest;
            }
        }
        let at = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = path.split_at(at.map_or(0, |at| at + 1));
        let folder = if folder.is_empty() { b"." } else { folder };
        match name {
            b"" | b"." | b".." => None,
            _ => Some((CString::new(folder).ok()?, CString::new(name).ok()?)),
        }
    }
}

/// The mode of a new file in a folder that gives it `group`. A creator who is not in that group
/// cannot make a program that runs as the group (`mode_strip_sgid` of the kernel).
fn inherited(mode: Mode, group: Option<u32>, creator: &Credentials) -> Mode {
    let may = |group| creator.rules_files() || creator.is_in(group);
    let program = mode.contains(Mode::SGID | Mode::XGRP);
    match group {
        Some(group) if program && !may(group) => mode - Mode::SGID,
        _ => mode,
    }
}

/// Opens the same file without rights. While a process has a program open for writing, it cannot be
/// run.
fn bare(file: &OwnedFd) -> io::Result<OwnedFd> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open(own, flags, Mode::empty())?)
}

/// The file that `open` makes, if it makes one.
fn open(flags: u32, bits: u32) -> Option<What> {
    let flags = OFlags::from_bits_retain(flags);
    if flags.contains(OFlags::PATH) {
        return None;
    }
    if flags.contains(OFlags::TMPFILE) {
        return Some(What::Nameless(flags, mode(bits)));
    }
    let file = flags.contains(OFlags::CREATE) && !flags.contains(OFlags::DIRECTORY);
    file.then(|| What::File(flags, mode(bits)))
}

/// The file that openat2(2) makes, by the `struct open_how` at `address`.
fn open_how(tid: u32, address: u64, size: u64) -> io::Result<Option<(What, ResolveFlags)>> {
    const LEN: usize = 24;
    // A longer structure has fields that are not known here.
    if usize::try_from(size).ok() != Some(LEN) {
        return Ok(None);
    }
    let how: [u8; LEN] = memory::read_array(tid, address)?;
    let (words, _) = how.as_chunks();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let [flags, bits, resolve] = words[..] else {
        return Ok(None);
    };
    let (Ok(flags), Ok(bits)) = (u32::try_from(flags), u32::try_from(bits)) else {
        return Ok(None);
    };
    // Unlike open(2), this call refuses flags that it does not know.
    let known = bits & !0o7777 == 0 && !OFlags::from_bits_retain(flags).intersects(UNKNOWN);
    let resolve = ResolveFlags::from_bits_retain(resolve);
    let what = open(flags, bits).filter(|_| known && !resolve.contains(ResolveFlags::CACHED));
    Ok(what.map(|what| (what, resolve)))
}

/// The bits that are no flags of open(2).
const UNKNOWN: OFlags = OFlags::from_bits_retain(0xff80_0000);

/// The file that `mknod` makes, if a sandbox can make it.
fn node(bits: u32) -> Option<What> {
    match FileType::from_raw_mode(bits) {
        _ if bits & libc::S_IFMT == 0 => Some(What::Node(FileType::RegularFile, mode(bits))),
        kind @ (FileType::RegularFile | FileType::Fifo | FileType::Socket) => {
            Some(What::Node(kind, mode(bits)))
        }
        _ => None,
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits & 0o7777)
}

fn string(tid: u32, address: u64) -> io::Result<CString> {
    Ok(CString::new(read_path(tid, address)?)?)
}

/// The umask of thread `tid` (in its status since Linux 4.7).
fn umask(tid: u32) -> io::Result<Mode> {
    let mask = status_number(tid, "Umask:", 8)?;
    Ok(mode(u32::try_from(mask).map_err(io::Error::other)?))
}

/// Runs `make` under the caller's umask. The kernel then applies a folder's default ACL instead of
/// the umask where there is one.
fn with_umask<T>(mask: Mode, make: impl FnOnce() -> T) -> T {
    let own = rustix::process::umask(mask);
    let made = make();
    rustix::process::umask(own);
    made
}
