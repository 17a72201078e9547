//! The system calls that make a process of the sandbox and have no safe wrapper.
#![expect(
    unsafe_code,
    reason = "fork, unshare, close_range, keyctl and prlimit exist as raw system calls only"
)]

use rustix::process::Pid;
use rustix::thread::UnshareFlags;
use std::io;

/// The first descriptor after standard input, output and error.
const FIRST: libc::c_uint = 3;

/// Closes the inherited descriptors except standard input, output and error. The program that
/// started imgbuild may have left a folder of the host open, through which a script could leave the
/// sandbox.
///
/// It may be called only by a process that has opened nothing yet.
pub(super) fn close_inherited() -> io::Result<()> {
    close_range(0)
}

/// Makes every program that is started keep standard input, output and error only.
pub(super) fn close_at_exec() -> io::Result<()> {
    close_range(libc::CLOSE_RANGE_CLOEXEC)
}

fn close_range(flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: the call takes numbers. With flags it closes nothing now; without, its one caller
    // owns no descriptor.
    let result = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, flags) };
    succeeded(result)
}

/// Leaves the session keyring of the user (session-keyring(7)) for a new one.
pub(super) fn leave_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    let nameless = std::ptr::null::<libc::c_char>();
    // SAFETY: the call reads a name, and a null pointer stands for none.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, nameless) };
    match succeeded(result) {
        // The kernel has no keys, or the filter of a container refuses the call to everybody.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Ok(()),
        other => other,
    }
}

/// The side of a fork on which the process is.
pub(super) enum Side {
    Parent(Pid),
    Child,
}

/// Makes a child process that continues here. This process must be single-threaded.
pub(super) fn fork() -> io::Result<Side> {
    // SAFETY: no other thread can hold a lock that the child would wait for.
    let result = unsafe { libc::fork() };
    match Pid::from_raw(result) {
        _ if result < 0 => Err(io::Error::last_os_error()),
        Some(pid) => Ok(Side::Parent(pid)),
        None => Ok(Side::Child),
    }
}

/// Moves this process, which must be single-threaded, into new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: only CLONE_FILES is dangerous, which makes descriptors of other threads differ; it is
    // not among the flags used here.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

/// The value of the limit [`Resource::Locks`](rustix::process::Resource::Locks) of the process of
/// thread `tid` before the call. If `new` is given, the limit is set to it.
pub(super) fn lock_limit(tid: u32, new: Option<libc::rlimit64>) -> io::Result<libc::rlimit64> {
    let pid = libc::pid_t::try_from(tid).map_err(io::Error::other)?;
    let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut old = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `new` is null or points to a limit, which is only read; `old` takes the answer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            pid,
            libc::RLIMIT_LOCKS,
            new,
            &raw mut old,
        )
    };
    succeeded(result).map(|()| old)
}

fn succeeded(result: libc::c_long) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
