//! Who owns what, as scripts see it.
//!
//! The namespace has one user id, so the kernel would refuse `chown` to any other. The supervisor
//! notes the wanted owner by inode instead and tells it to whoever asks with `stat`. An inode
//! with a note is held open: it keeps its number until the sandbox ends, also when its last name
//! is removed, so that no later file inherits the note.

use super::filter::Call;
use super::resolve::{Resolver, Start};
use super::seccomp::{ExtendedStatus, Listener, Notification, Reply, Status, read_memory};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

/// An inode of the host: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode {
    pub(super) device: u64,
    pub(super) number: u64,
}

/// User and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// The notes.
#[derive(Default)]
pub(super) struct Owners {
    notes: BTreeMap<Inode, (Owner, OwnedFd)>,
    /// Known when the sandbox is entered.
    resolver: Option<Resolver>,
}

/// The longest path that Linux takes, with its NUL.
const PATH_MAX: usize = 4096;

impl Owners {
    /// Notes that the file `path`, which is not followed if it is a symlink, belongs to `owner`.
    pub(super) fn set(&mut self, path: &CStr, owner: Owner) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let inode = inode_of(&file)?;
        self.note(inode, owner, file);
        Ok(())
    }

    /// From now on, calls are answered for files that `resolver` finds.
    pub(super) fn enter(&mut self, resolver: Resolver) {
        self.resolver = Some(resolver);
    }

    /// The owner of `inode`.
    pub(super) fn of(&self, inode: Inode) -> Owner {
        self.notes.get(&inode).map_or(ROOT, |(owner, _)| *owner)
    }

    fn note(&mut self, inode: Inode, owner: Owner, file: OwnedFd) {
        if owner == ROOT {
            self.notes.remove(&inode);
        } else {
            self.notes.insert(inode, (owner, file));
        }
    }

    /// Answers one stopped call.
    ///
    /// What is left to the kernel, it does as the caller, who may have changed the path meanwhile: it
    /// gets no further by that than by any call that is not stopped.
    pub(super) fn answer(&mut self, call: &Notification, listener: &Listener) -> Reply {
        let Some(resolver) = &self.resolver else {
            return Reply::Refuse(libc::EPERM);
        };
        let change = is_change(call.call);
        let found = Target::of(call).and_then(|target| {
            let file = resolver.open(call.tid, target.start, &target.path, target.follow)?;
            // Nothing outside has a note that a question could find.
            Ok((!change || resolver.is_inside(&file)?, file))
        });
        let answered = match found {
            Ok((true, file)) if change => self.change(call, file),
            // Devices and pipes are none of the image.
            Ok((false, _)) => Ok(true),
            Ok((true, file)) => self.describe(call, &file, listener),
            // A magic link, which means something to the caller only.
            Err(error) if change && error.raw_os_error() != Some(libc::ELOOP) => Err(error),
            // What cannot be found is for the kernel to refuse, in its own words.
            Err(_) => Ok(false),
        };
        match answered {
            Ok(true) => Reply::Done,
            Ok(false) => Reply::Continue,
            Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }

    fn change(&mut self, call: &Notification, file: OwnedFd) -> io::Result<bool> {
        let first = match call.call {
            Call::Fchownat => 2,
            _ => 1,
        };
        let wanted = |at: usize| Some(low(call.arguments[at])).filter(|id| *id != u32::MAX);
        let (uid, gid) = (wanted(first), wanted(first + 1));
        // The kernel's own chown says whether the file may be changed at all, sets its ctime and
        // takes setuid bits and capabilities away, as chown(2) must.
        rustix::fs::chownat(
            &file,
            c"",
            uid.map(|_| Uid::ROOT),
            gid.map(|_| Gid::ROOT),
            AtFlags::EMPTY_PATH,
        )?;
        let inode = inode_of(&file)?;
        let old = self.of(inode);
        let new = Owner {
            uid: uid.unwrap_or(old.uid),
            gid: gid.unwrap_or(old.gid),
        };
        self.note(inode, new, file);
        Ok(true)
    }

    /// Whether a question for the state of `file` was answered; the kernel answers for files without
    /// a note.
    fn describe(
        &self,
        call: &Notification,
        file: &OwnedFd,
        listener: &Listener,
    ) -> io::Result<bool> {
        let Some((owner, _)) = self.notes.get(&inode_of(file)?) else {
            return Ok(false);
        };
        if call.call == Call::Statx {
            let sync = signed(call.arguments[2]) & STATX_SYNC;
            let mut status = ExtendedStatus::of(file, sync, low(call.arguments[3]))?;
            (status.0.stx_uid, status.0.stx_gid) = (owner.uid, owner.gid);
            if listener.is_waiting(call) {
                status.write_to(call.tid, call.arguments[4])?;
            }
            return Ok(true);
        }
        let mut status = Status::of(file)?;
        (status.0.st_uid, status.0.st_gid) = (owner.uid, owner.gid);
        let buffer = match call.call {
            Call::Newfstatat => call.arguments[2],
            _ => call.arguments[1],
        };
        if listener.is_waiting(call) {
            status.write_to(call.tid, buffer)?;
        }
        Ok(true)
    }
}

/// `AT_STATX_SYNC_TYPE`: whether a network filesystem asks its server.
const STATX_SYNC: i32 = 0x6000;

fn is_change(call: Call) -> bool {
    matches!(
        call,
        Call::Chown | Call::Lchown | Call::Fchown | Call::Fchownat
    )
}

/// The file that a call means, in the caller's words.
struct Target {
    start: Start,
    /// Empty for the start itself.
    path: CString,
    follow: bool,
}

impl Target {
    fn of(call: &Notification) -> io::Result<Self> {
        let arguments = &call.arguments;
        let here = libc::AT_FDCWD;
        let (folder, path, flags) = match call.call {
            Call::Chown | Call::Stat => (here, Some(arguments[0]), 0),
            Call::Lchown | Call::Lstat => (here, Some(arguments[0]), libc::AT_SYMLINK_NOFOLLOW),
            Call::Fchown | Call::Fstat => (signed(arguments[0]), None, 0),
            Call::Fchownat => (
                signed(arguments[0]),
                Some(arguments[1]),
                signed(arguments[4]),
            ),
            Call::Newfstatat => (
                signed(arguments[0]),
                Some(arguments[1]),
                signed(arguments[3]),
            ),
            Call::Statx => (
                signed(arguments[0]),
                Some(arguments[1]),
                signed(arguments[2]),
            ),
        };
        let itself = path.is_none() || flags & libc::AT_EMPTY_PATH != 0;
        let path = match path {
            // statx and newfstatat take a null path for "the descriptor itself" (Linux 6.11).
            Some(address) if address != 0 || !itself => read_path(call.tid, address)?,
            _ => Vec::new(),
        };
        if path.is_empty() && !itself {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        let start = match folder {
            folder if folder == here => Start::Here,
            number => Start::Descriptor(number),
        };
        Ok(Self {
            start,
            path: CString::new(path)?,
            follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
        })
    }
}

/// The low half of a register: what an `unsigned int` argument is.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & 0xffff_ffff).expect("32 bits are left")
}

/// The low half of a register: what an `int` argument is.
fn signed(argument: u64) -> i32 {
    low(argument).cast_signed()
}

/// The path at `address`, read page by page, for the next page may not exist.
fn read_path(tid: u32, address: u64) -> io::Result<Vec<u8>> {
    const PAGE: usize = 4096;
    let mut path = Vec::new();
    while path.len() < PATH_MAX {
        let at = address.wrapping_add(path.len() as u64);
        let mut page = [0; PAGE];
        let in_page = usize::try_from(at % PAGE as u64).expect("less than a page");
        let n = read_memory(tid, at, &mut page[..PAGE - in_page])?;
        if let Some(end) = page[..n].iter().position(|byte| *byte == 0) {
            path.extend(&page[..end]);
            return Ok(path);
        }
        if n == 0 {
            break;
        }
        path.extend(&page[..n]);
    }
    Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
}

fn inode_of(file: &OwnedFd) -> io::Result<Inode> {
    let status = rustix::fs::fstat(file)?;
    Ok(Inode {
        device: status.st_dev,
        number: status.st_ino,
    })
}
