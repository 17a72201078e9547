//! Who owns what, as scripts see it.
//!
//! The namespace has one user id, so the kernel would refuse `chown` to any other. The supervisor
//! notes the wanted owner by inode instead and tells it to whoever asks with `stat`. An inode
//! with a note is held open: it keeps its number until the sandbox ends, also when its last name
//! is removed, so that no later file inherits the note.

use super::filter::Call;
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
}

/// The longest path that Linux takes, with its NUL.
const PATH_MAX: usize = 4096;

impl Owners {
    /// Notes that the file `path`, which is not followed if it is a symlink, belongs to `owner`.
    pub(super) fn set(&mut self, path: &CStr, owner: Owner) -> io::Result<()> {
        let file = open(path, false)?;
        let inode = inode_of(&file)?;
        self.note(inode, owner, file);
        Ok(())
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
    pub(super) fn answer(&mut self, call: &Notification, listener: &Listener) -> Reply {
        let target = match Target::of(call) {
            Ok(Some(target)) => target,
            Ok(None) if is_change(call.call) => return Reply::Done,
            // What cannot be read is for the kernel to refuse, in its own words.
            Ok(None) | Err(_) => return Reply::Continue,
        };
        let answered = match call.call {
            Call::Chown | Call::Lchown | Call::Fchown | Call::Fchownat => {
                self.change(call, &target).map(|()| true)
            }
            Call::Stat | Call::Lstat | Call::Fstat | Call::Newfstatat => {
                self.status(call, &target, listener)
            }
            Call::Statx => self.extended_status(call, &target, listener),
        };
        match answered {
            Ok(true) => Reply::Done,
            Ok(false) => Reply::Continue,
            Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }

    fn change(&mut self, call: &Notification, target: &Target) -> io::Result<()> {
        let first = match call.call {
            Call::Fchownat => 2,
            _ => 1,
        };
        let wanted = |at: usize| Some(low(call.arguments[at])).filter(|id| *id != u32::MAX);
        let (uid, gid) = (wanted(first), wanted(first + 1));
        let file = open(&target.path, target.follow)?;
        // The kernel's own chown says whether the file may be changed at all, sets its ctime and
        // takes setuid bits and capabilities away, as chown(2) must.
        let real = rustix::fs::chownat(
            &file,
            c"",
            uid.map(|_| Uid::ROOT),
            gid.map(|_| Gid::ROOT),
            AtFlags::EMPTY_PATH,
        );
        match real {
            Ok(()) => {}
            // Devices and the like that the caller of imgbuild does not own: none of the image.
            Err(rustix::io::Errno::PERM) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let inode = inode_of(&file)?;
        let old = self.of(inode);
        let new = Owner {
            uid: uid.unwrap_or(old.uid),
            gid: gid.unwrap_or(old.gid),
        };
        self.note(inode, new, file);
        Ok(())
    }

    /// Whether `stat` was answered; the kernel answers for files without a note.
    fn status(
        &self,
        call: &Notification,
        target: &Target,
        listener: &Listener,
    ) -> io::Result<bool> {
        let Ok(mut status) = Status::of(&target.path, target.flags()) else {
            return Ok(false);
        };
        let inode = Inode {
            device: status.0.st_dev,
            number: status.0.st_ino,
        };
        let Some((owner, _)) = self.notes.get(&inode) else {
            return Ok(false);
        };
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

    fn extended_status(
        &self,
        call: &Notification,
        target: &Target,
        listener: &Listener,
    ) -> io::Result<bool> {
        let mask = low(call.arguments[3]) | libc::STATX_INO;
        let flags = target.flags() | (signed(call.arguments[2]) & STATX_SYNC);
        let Ok(mut status) = ExtendedStatus::of(&target.path, flags, mask) else {
            return Ok(false);
        };
        let inode = Inode {
            device: libc::makedev(status.0.stx_dev_major, status.0.stx_dev_minor),
            number: status.0.stx_ino,
        };
        let Some((owner, _)) = self.notes.get(&inode) else {
            return Ok(false);
        };
        (status.0.stx_uid, status.0.stx_gid) = (owner.uid, owner.gid);
        if listener.is_waiting(call) {
            status.write_to(call.tid, call.arguments[4])?;
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

/// The file that a call means, by a path that means the same to the supervisor.
struct Target {
    path: CString,
    follow: bool,
}

impl Target {
    /// `None` for devices and what lies in /proc, where `self` means the one who asks.
    fn of(call: &Notification) -> io::Result<Option<Self>> {
        let arguments = &call.arguments;
        let at_cwd = libc::AT_FDCWD;
        let (directory, path, flags) = match call.call {
            Call::Chown | Call::Stat => (at_cwd, Some(arguments[0]), 0),
            Call::Lchown | Call::Lstat => (at_cwd, Some(arguments[0]), libc::AT_SYMLINK_NOFOLLOW),
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
        let path = match path {
            // statx and newfstatat take a null path for "the descriptor itself" (Linux 6.11).
            Some(0) if flags & libc::AT_EMPTY_PATH != 0 => Vec::new(),
            Some(address) => read_path(call.tid, address)?,
            None => Vec::new(),
        };
        if path.is_empty() && call.call_takes_path() && flags & libc::AT_EMPTY_PATH == 0 {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        if path.starts_with(b"/proc/") || path.starts_with(b"/dev/") {
            return Ok(None);
        }
        let tid = call.tid;
        let base = match directory {
            _ if path.first() == Some(&b'/') => String::new(),
            fd if fd == at_cwd => format!("/proc/{tid}/cwd/"),
            fd => format!("/proc/{tid}/fd/{fd}"),
        };
        let by_descriptor = path.is_empty();
        let mut full = base.into_bytes();
        if !by_descriptor && full.last().is_some_and(|last| *last != b'/') {
            full.push(b'/');
        }
        full.extend(path);
        Ok(Some(Self {
            path: CString::new(full)?,
            follow: by_descriptor || flags & libc::AT_SYMLINK_NOFOLLOW == 0,
        }))
    }

    fn flags(&self) -> i32 {
        match self.follow {
            true => 0,
            false => libc::AT_SYMLINK_NOFOLLOW,
        }
    }
}

impl Notification {
    fn call_takes_path(&self) -> bool {
        !matches!(self.call, Call::Fchown | Call::Fstat)
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

fn open(path: &CStr, follow: bool) -> io::Result<OwnedFd> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn inode_of(file: &OwnedFd) -> io::Result<Inode> {
    let status = rustix::fs::fstat(file)?;
    Ok(Inode {
        device: status.st_dev,
        number: status.st_ino,
    })
}
