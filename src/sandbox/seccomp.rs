//! The system calls of the sandbox that have no safe wrapper: those that install the filter and
//! handle its notifications (seccomp_unotify(2)).
#![expect(
    unsafe_code,
    reason = "seccomp notification and fork hooks exist as raw system calls only"
)]

use super::descriptors;
use super::filter;
use super::notified::{self, Call};
use super::process;
use rustix::fs::OFlags;
use rustix::io::{Errno, FdFlags};
use rustix::process::Resource;
use rustix::thread::CapabilitySet;
use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The descriptor to which the kernel sends notifications.
pub(super) struct Listener(OwnedFd);

/// A stopped system call.
pub(super) struct Notification {
    id: u64,
    /// The calling thread.
    pub(super) tid: u32,
    pub(super) call: Call,
    pub(super) arguments: [u64; 6],
}

/// The answer to a stopped call.
#[derive(Debug)]
pub(super) enum Reply {
    /// The kernel carries it out.
    Continue,
    /// The call returns this number.
    Value(u32),
    /// The call returns a new descriptor of this file. With `O_CLOEXEC`, it is closed when the
    /// caller starts another program.
    Open(OwnedFd, OFlags),
    /// The call fails with this error number.
    Refuse(i32),
}

impl Reply {
    /// The call returns 0.
    pub(super) const DONE: Self = Self::Value(0);
}

/// Prepares `command` to run under the filter. The listener arrives on the other end of `socket`.
/// The command gets no descriptors but `inherited` and the standard ones.
pub(super) fn confine(
    command: &mut Command,
    socket: OwnedFd,
    inherited: Option<PipeWriter>,
    kept: CapabilitySet,
) {
    let program = filter::program();
    let hook = move || {
        rustix::process::setsid()?;
        // The supervisor keeps the identity of a process in this limit (`identities`), and its greatest
        // value means root.
        super::limits::raise(Resource::Locks)?;
        // After this, a call that needs the supervisor would wait for ever, because the supervisor
        // waits for this process.
        let listener = install(&program)?;
        descriptors::send(&socket, b"l", Some(listener.as_fd()))?;
        // The limits come last, because until the program starts this process holds all descriptors
        // of the supervisor.
        super::limits::apply()?;
        // This takes nothing away: with a single user id, no process in the sandbox can gain
        // rights.
        rustix::thread::set_no_new_privs(true)?;
        process::close_at_exec()?;
        if let Some(inherited) = &inherited {
            rustix::io::fcntl_setfd(inherited, FdFlags::empty())?;
        }
        for capability in CapabilitySet::all().difference(kept).iter() {
            if rustix::thread::capability_is_in_bounding_set(capability) == Ok(true) {
                rustix::thread::remove_capability_from_bounding_set(capability)?;
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec, the hook makes system calls only and allocates nothing.
    unsafe { command.pre_exec(hook) };
}

/// Installs `program` for this process and its children.
fn install(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let listen = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Since Linux 5.19, a call that waits for its answer need not be interrupted by signals.
    for flags in [
        listen | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        listen,
    ] {
        let filter = libc::sock_fprog {
            len: u16::try_from(program.len()).map_err(io::Error::other)?,
            filter: program.as_ptr().cast_mut(),
        };
        // SAFETY: `filter` points to `program`, which outlives the call and is only read.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const filter,
            )
        };
        match i32::try_from(result) {
            // SAFETY: the kernel just made this descriptor for us.
            Ok(fd) if fd >= 0 => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            _ => {}
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINVAL) {
            return Err(error);
        }
    }
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

impl Listener {
    /// Takes the listener that a confined command sent through the other end of `socket`.
    pub(super) fn from_socket(socket: &OwnedFd) -> io::Result<Self> {
        let (_, fd) = descriptors::receive(socket, &mut [0])?;
        let fd = fd.ok_or(io::ErrorKind::UnexpectedEof)?;
        // Since Linux 6.6, the caller and the supervisor can take turns on one CPU. Older kernels
        // refuse this, which does no harm.
        // SAFETY: the request takes a number, no memory.
        let _ = unsafe {
            libc::ioctl(
                fd.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                SYNC_WAKE_UP,
            )
        };
        Ok(Self(fd))
    }

    /// The next stopped call; `None` if its caller died meanwhile.
    pub(super) fn receive(&self) -> io::Result<Option<Notification>> {
        // SAFETY: a structure of numbers, for which zero is a value; the kernel demands zeros.
        let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request writes one `seccomp_notif`, which `raw` is.
        let received = unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_RECV, &mut raw) };
        match received {
            Ok(_) => {}
            Err(Errno::NOENT | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        Ok(notified::call(raw.data.nr).map(|call| Notification {
            id: raw.id,
            tid: raw.pid,
            call,
            arguments: raw.data.args,
        }))
    }

    /// Whether the caller still waits. Only then is its memory the memory that the call meant.
    pub(super) fn is_waiting(&self, notification: &Notification) -> bool {
        let mut id = notification.id;
        // SAFETY: the request reads one `u64`, which `id` is.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &mut id) }.is_ok()
    }

    /// Answers the call. It is not an error if the caller died meanwhile.
    pub(super) fn reply(&self, notification: &Notification, reply: Reply) -> io::Result<()> {
        let (value, error, flags) = match reply {
            Reply::Continue => (0, 0, CONTINUE),
            Reply::Value(value) => (value, 0, 0),
            Reply::Refuse(number) => (0, -number, 0),
            Reply::Open(file, flags) => match self.give(notification, &file, flags) {
                Ok(None) => return Ok(()),
                Ok(Some(number)) => (number, 0, 0),
                Err(error) => (0, -error.raw_os_error(), 0),
            },
        };
        let mut raw = libc::seccomp_notif_resp {
            id: notification.id,
            val: value.into(),
            error,
            flags,
        };
        // SAFETY: the request reads one `seccomp_notif_resp`, which `raw` is.
        match unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, &mut raw) } {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives `file` to the caller as a new descriptor, with `flags` of open(2). Since Linux 5.14
    /// this also answers the call; on older kernels the call must still be answered with the number
    /// of the descriptor.
    fn give(
        &self,
        notification: &Notification,
        file: &OwnedFd,
        flags: OFlags,
    ) -> Result<Option<u32>, Errno> {
        let (send, later) = (libc::SECCOMP_ADDFD_FLAG_SEND, 0);
        for how in [send, later] {
            let mut raw = libc::seccomp_notif_addfd {
                id: notification.id,
                flags: u32::try_from(how).expect("the flag is 2"),
                srcfd: file.as_raw_fd().cast_unsigned(),
                newfd: 0,
                newfd_flags: (flags & OFlags::CLOEXEC).bits(),
            };
            // SAFETY: the request reads one `seccomp_notif_addfd`, which `raw` is.
            match unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &mut raw) } {
                Ok(number) => return Ok((how == later).then_some(number)),
                Err(Errno::INVAL) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::INVAL)
    }

    /// Makes `request` of ioctl(2), and gives the number that it returns.
    ///
    /// # Safety
    ///
    /// The request must read or write one `T`.
    unsafe fn ioctl<T>(&self, request: libc::Ioctl, argument: &mut T) -> Result<u32, Errno> {
        // SAFETY: the caller guarantees the type; the argument is exclusively borrowed.
        let result =
            unsafe { libc::ioctl(self.0.as_raw_fd(), request, std::ptr::from_mut(argument)) };
        let error = io::Error::last_os_error();
        u32::try_from(result).map_err(|_| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of linux/seccomp.h.
const SYNC_WAKE_UP: libc::c_ulong = 1;
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`, in the width of its field.
const CONTINUE: u32 = 1;

/// Waits until one of `fds` can be read or is at its end, and gives the state of each. `None` is
/// left out.
pub(super) fn wait_readable<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
) -> io::Result<[Readiness; N]> {
    let mut raw = fds.map(|fd| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    let n = libc::nfds_t::try_from(N).map_err(io::Error::other)?;
    // SAFETY: `raw` has `n` entries.
    while unsafe { libc::poll(raw.as_mut_ptr(), n, -1) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(raw.map(|fd| match fd.revents {
        0 => Readiness::Waiting,
        events if events & libc::POLLIN != 0 => Readiness::Readable,
        _ => Readiness::Ended,
    }))
}

/// The state of a descriptor after [`wait_readable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Waiting,
    Readable,
    Ended,
}
