//! Gives a sandbox the files that it needs of the host: the files of its scratch folder and the
//! objects of the store, each as a descriptor, from a process that stays outside.
//!
//! The process in the sandbox resolves paths for scripts, so it must hold no folder of the host.
//! And its user id may not be able to enter the folder of the store, so it could not open a file
//! there itself. It asks the process outside over a socket, by fixed names and digests only. The
//! answer is an error number and a descriptor.

use super::descriptors;
use super::job::{self, Scratch};
use crate::digest::Sha256;
use crate::store::object;
use crate::tree::Objects;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send};
use rustix::process::Pid;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The user and group id of a sandbox that root starts. It is the highest that Debian and systemd
/// keep free of any account (Debian Policy 9.2.2 reserves 65000 to 65533), and the user namespaces
/// of containers, with their 65536 ids, have it too.
const UNPRIVILEGED: u32 = 65_533;

/// The largest request: `object`, a space and a digest.
const REQUEST: usize = 128;

/// The end of the socket that the sandbox holds.
pub(super) struct Outside(OwnedFd);

/// The end of the socket that the process outside holds.
pub(super) struct Server(OwnedFd);

/// Makes a socket and gives its two ends.
pub(super) fn pair() -> io::Result<(Outside, Server)> {
    let (inner, outer) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((Outside(inner), Server(outer)))
}

impl Outside {
    /// Asks for the id map of this process's new user namespace.
    pub(super) fn map_ids(&self) -> io::Result<()> {
        self.ask("map").map(drop)
    }

    /// Opens the file `name` of the scratch folder for reading.
    pub(super) fn read(&self, name: &str) -> io::Result<fs_err::File> {
        self.file("read", name)
    }

    /// Makes the file `name` in the scratch folder.
    pub(super) fn create(&self, name: &str) -> io::Result<fs_err::File> {
        self.file("create", name)
    }

    fn file(&self, verb: &str, name: &str) -> io::Result<fs_err::File> {
        let file = self.ask(&format!("{verb} {name}"))?;
        let file = file.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(fs_err::File::from_parts(file.into(), name))
    }

    fn ask(&self, request: &str) -> io::Result<Option<OwnedFd>> {
        send(&self.0, request.as_bytes(), SendFlags::NOSIGNAL)?;
        let mut answer = [0; 4];
        let (n, file) = descriptors::receive(&self.0, &mut answer)?;
        if n != answer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match i32::from_le_bytes(answer) {
            0 => Ok(file),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }
}

impl Objects for Outside {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        self.file("object", &digest.to_string())
    }
}

impl Server {
    /// Answers requests until the other end is closed. The working directory is the scratch folder,
    /// `sandbox` is the process that asks first, and `store` is the folder of the store.
    pub(super) fn serve(&self, sandbox: Pid, store: &Path) -> io::Result<()> {
        let mut buffer = [0; REQUEST];
        loop {
            let len = match recv(&self.0, &mut buffer, RecvFlags::empty()) {
                Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(()),
                Ok((len, _)) => len,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let answered = match answer(&buffer[..len], sandbox, store) {
                Ok(file) => self.answer(0, file),
                Err(error) => self.answer(error.raw_os_error().unwrap_or(libc::EIO), None),
            };
            match answered {
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                other => other?,
            }
        }
    }

    fn answer(&self, number: i32, file: Option<OwnedFd>) -> Result<(), Errno> {
        let file = file.as_ref().map(AsFd::as_fd);
        descriptors::send(&self.0, &number.to_le_bytes(), file)
    }
}

/// Carries out one request.
fn answer(request: &[u8], sandbox: Pid, store: &Path) -> io::Result<Option<OwnedFd>> {
    let unknown = || io::Error::from_raw_os_error(libc::EINVAL);
    let request = str::from_utf8(request).map_err(|_| unknown())?;
    let scratch = Scratch::here();
    match request.split_once(' ').unwrap_or((request, "")) {
        ("map", _) => map_ids(sandbox).map(|()| None),
        ("object", digest) => {
            let digest: Sha256 = digest.parse().map_err(|_| unknown())?;
            let file = object::open_in(store, &digest)?;
            Ok(Some(file.into_parts().0.into()))
        }
        ("read", name) if job::GIVEN.contains(&name) => {
            open(&scratch.file(name), OFlags::RDONLY).map(Some)
        }
        ("create", name) if job::MADE.contains(&name) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            open(&scratch.file(name), flags).map(Some)
        }
        _ => Err(unknown()),
    }
}

/// Maps the single id 0 of the user namespace of process `sandbox` to an id that is not root here.
///
/// A process that may not do so (it has no CAP_SETUID), or that is in a user namespace without such
/// an id, maps its own id: that is an ordinary user's own, or that of a root that is not root
/// outside of its namespace.
fn map_ids(sandbox: Pid) -> io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    if uid.is_root() {
        match map(sandbox, UNPRIVILEGED, UNPRIVILEGED) {
            Err(error) if is_refusal(&error) => {}
            other => return other,
        }
    }
    map(sandbox, uid.as_raw(), gid.as_raw())
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EINVAL))
}

fn map(sandbox: Pid, uid: u32, gid: u32) -> io::Result<()> {
    // In a setgid folder of the store, new files would get a group that the namespace does not
    // have.
    std::os::unix::fs::chown(Scratch::here().path(), Some(uid), Some(gid))?;
    let write = |name: &str, text: &str| -> io::Result<()> {
        let path = format!("/proc/{sandbox}/{name}");
        let file = open(Path::new(&path), OFlags::WRONLY)?;
        rustix::io::write(&file, text.as_bytes())?;
        Ok(())
    };
    // The user map comes first: if the kernel refuses it, nothing has changed yet.
    write("uid_map", &format!("0 {uid} 1"))?;
    write("setgroups", "deny")?;
    write("gid_map", &format!("0 {gid} 1"))
}

/// Opens `path`. The error is a bare number, because it is sent to another process.
fn open(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, mode)?)
}
