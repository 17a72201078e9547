//! Keeps the owners of files as scripts see them.
//!
//! The namespace has a single user id, so the kernel would refuse `chown` to any other. The
//! supervisor notes the wanted owner by inode instead, and answers `stat` with it. The owner of a
//! file that is made by a process that is not root is noted at once (`made`). An inode with a note
//! is held open, so that it keeps its number and no later file inherits the note. Notes of deleted
//! files are dropped from time to time, because they hold the room of their files.

use super::credentials::{Owner, ROOT, UNCHANGED};
use super::identities::{Identities, low};
use super::made::{Made, Wanted};
use super::memory::{Status, read_path};
use super::notified::{Call, Subject};
use super::resolve::{Resolver, Start};
use super::seccomp::{Listener, Notification, Reply};
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

/// The notes.
#[derive(Default)]
pub(super) struct Owners {
    notes: BTreeMap<Inode, (Owner, OwnedFd)>,
    /// The number of notes at which those of deleted files are dropped.
    room: usize,
    identities: Identities,
    /// The resolver; absent until the sandbox is entered.
    resolver: Option<Resolver>,
}

/// Deleted files are looked for after this many further notes plus a quarter of the kept ones.
const SWEEP: usize = 512;

impl Owners {
    /// Notes that the file `path` belongs to `owner`. A symlink is not followed.
    pub(super) fn set(&mut self, path: &CStr, owner: Owner) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let inode = inode_of(&file)?;
        self.note(inode, owner, file);
        Ok(())
    }

    /// Calls are answered from now on, for files that `resolver` finds.
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
            return;
        }
        if self.notes.len() >= self.room {
            let lives = |file: &OwnedFd| rustix::fs::fstat(file).is_ok_and(|is| is.st_nlink > 0);
            self.notes.retain(|_, (_, file)| lives(file));
            self.room = self.notes.len() + SWEEP + self.notes.len() / 4;
        }
        self.notes.insert(inode, (owner, file));
    }

    /// Answers one stopped call.
    ///
    /// A call that is left to the kernel is carried out as the caller, who may have changed the
    /// path meanwhile. The caller gains no more by that than by any call that is not stopped.
    pub(super) fn answer(&mut self, call: &Notification, listener: &Listener) -> Reply {
        let answered = match call.call.subject() {
            Subject::Owner => self.about_owner(call, listener),
            Subject::Identity => self.identities.answer(call, listener),
            Subject::Creation => self.create(call, listener),
            Subject::Root => {
                if let Some(resolver) = &mut self.resolver {
                    resolver.expect_roots();
                }
                Ok(Reply::Continue)
            }
        };
        answered.unwrap_or_else(|error| Reply::Refuse(error.raw_os_error().unwrap_or(libc::EIO)))
    }

    fn about_owner(&mut self, call: &Notification, listener: &Listener) -> io::Result<Reply> {
        let Some(resolver) = &self.resolver else {
            return Ok(Reply::Refuse(libc::EPERM));
        };
        let change = call.call.is_chown();
        let found = Target::of(call).and_then(|target| {
            // This is the most frequent question, and most often about a file without a note.
            if target.path.is_empty() && !change {
                let status = target.start.stat(call.tid)?;
                if !self.notes.contains_key(&Inode::from(&status)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
            }
            let file = resolver.open(call.tid, target.start, &target.path, target.follow)?;
            // No file outside has a note, so only changes need the check.
            Ok((!change || resolver.is_inside(&file)?, file))
        });
        match found {
            Ok((true, file)) if change => self.change(call, file),
            // Devices and pipes do not belong to the image, so the change is ignored.
            Ok((false, _)) => Ok(Reply::DONE),
            Ok((true, file)) => self.describe(call, &file, listener),
            // The path goes through a magic link, which only the kernel can follow for the caller.
            Err(error) if change && error.raw_os_error() != Some(libc::ELOOP) => Err(error),
            // The kernel refuses a path that does not exist, with its own error.
            Err(_) => Ok(Reply::Continue),
        }
    }

    /// Makes a file for a process, if it is to belong to another user than root.
    fn create(&mut self, call: &Notification, listener: &Listener) -> io::Result<Reply> {
        let creator = self.identities.of(call.tid)?;
        let Some(resolver) = &self.resolver else {
            return Ok(Reply::Continue);
        };
        // The kernel refuses a bad address.
        let Ok(Some(wanted)) = Wanted::of(call) else {
            return Ok(Reply::Continue);
        };
        if !listener.is_waiting(call) {
            return Ok(Reply::Continue);
        }
        let of = |folder: &OwnedFd| inode_of(folder).map(|inode| self.of(inode));
        let Some(made) = wanted.make(call.tid, &creator, resolver, of)? else {
            return Ok(Reply::Continue);
        };
        let Made {
            file,
            opened,
            owner,
        } = made;
        let inode = inode_of(&file)?;
        // A file that has a note was put there by another process meanwhile.
        if !self.notes.contains_key(&inode) {
            self.note(inode, owner, file);
        }
        Ok(opened.map_or(Reply::DONE, |(file, flags)| Reply::Open(file, flags)))
    }

    fn change(&mut self, call: &Notification, file: OwnedFd) -> io::Result<Reply> {
        let first = match call.call {
            Call::Fchownat => 2,
            _ => 1,
        };
        let ids = [first, first + 1].map(|at| low(call.arguments[at]));
        let inode = inode_of(&file)?;
        let old = self.of(inode);
        if !self.identities.of(call.tid)?.may_give(old, ids) {
            return Ok(Reply::Refuse(libc::EPERM));
        }
        let [uid, gid] = ids.map(|id| Some(id).filter(|id| *id != UNCHANGED));
        // The kernel's own chown checks whether the file may be changed at all, sets its ctime, and
        // clears setuid bits and capabilities, as chown(2) must.
        rustix::fs::chownat(
            &file,
            c"",
            uid.map(|_| Uid::ROOT),
            gid.map(|_| Gid::ROOT),
            AtFlags::EMPTY_PATH,
        )?;
        let new = Owner {
            uid: uid.unwrap_or(old.uid),
            gid: gid.unwrap_or(old.gid),
        };
        self.note(inode, new, file);
        Ok(Reply::DONE)
    }

    /// Answers a call that asks for the status of `file`. The kernel answers for files without a
    /// note.
    fn describe(
        &self,
        call: &Notification,
        file: &OwnedFd,
        listener: &Listener,
    ) -> io::Result<Reply> {
        let Some((owner, _)) = self.notes.get(&inode_of(file)?) else {
            return Ok(Reply::Continue);
        };
        if call.call == Call::Statx {
            let sync = signed(call.arguments[2]) & STATX_SYNC;
            let mut status = Status::extended(file, sync, low(call.arguments[3]))?;
            (status.0.stx_uid, status.0.stx_gid) = (owner.uid, owner.gid);
            if listener.is_waiting(call) {
                status.write_to(call.tid, call.arguments[4])?;
            }
            return Ok(Reply::DONE);
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
        Ok(Reply::DONE)
    }
}

/// `AT_STATX_SYNC_TYPE`: whether a network filesystem asks its server.
const STATX_SYNC: i32 = 0x6000;

/// The file that a call names.
struct Target {
    start: Start,
    /// The path from the start; empty for the start itself.
    path: CString,
    follow: bool,
}

impl Target {
    fn of(call: &Notification) -> io::Result<Self> {
        let arguments = &call.arguments;
        let [first, second, ..] = *arguments;
        let here = libc::AT_FDCWD;
        let (folder, path, flags) = match call.call {
            Call::Chown | Call::Stat => (here, Some(first), 0),
            Call::Lchown | Call::Lstat => (here, Some(first), libc::AT_SYMLINK_NOFOLLOW),
            Call::Fchown | Call::Fstat => (signed(first), None, 0),
            Call::Fchownat => (signed(first), Some(second), signed(arguments[4])),
            Call::Newfstatat => (signed(first), Some(second), signed(arguments[3])),
            Call::Statx => (signed(first), Some(second), signed(arguments[2])),
            _ => return Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        };
        let itself = path.is_none() || flags & libc::AT_EMPTY_PATH != 0;
        let path = match path {
            // statx and newfstatat take a null path for the descriptor itself (Linux 6.11).
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

/// The low half of a register, which is an `int` argument.
fn signed(argument: u64) -> i32 {
    low(argument).cast_signed()
}

fn inode_of(file: &OwnedFd) -> io::Result<Inode> {
    Ok(Inode::from(&rustix::fs::fstat(file)?))
}

impl From<&rustix::fs::Stat> for Inode {
    fn from(status: &rustix::fs::Stat) -> Self {
        Self {
            device: status.st_dev,
            number: status.st_ino,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_files_are_let_go_and_others_stay_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            fs_err::write(&path, "").unwrap();
            CString::new(path.into_os_string().into_encoded_bytes()).unwrap()
        };
        let mut owners = Owners::default();
        let theirs = Owner { uid: 7, gid: 8 };
        let kept = path("kept");
        owners.set(&kept, theirs).unwrap();
        for _ in 0..4 * SWEEP {
            let gone = path("gone");
            owners.set(&gone, theirs).unwrap();
            fs_err::remove_file(folder.path().join("gone")).unwrap();
        }
        assert!(owners.notes.len() <= SWEEP + 2, "{}", owners.notes.len());
        let kept = rustix::fs::open(kept, OFlags::PATH, Mode::empty()).unwrap();
        assert_eq!(owners.of(inode_of(&kept).unwrap()), theirs);
    }
}
