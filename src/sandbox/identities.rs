//! The user and group ids of the processes of a sandbox.
//!
//! The namespace has a single user id, so the kernel refuses every change of ids; in return no host
//! needs a line in /etc/subuid. The supervisor itself answers the calls that ask for or change the
//! ids of a process, by the rules of `credentials`. The kernel keeps which process has which ids:
//! the soft limit `RLIMIT_LOCKS` of a process is the index of its credentials in a table here, and
//! the value of the hard limit stands for root. Linux has ignored that limit since 2.4.25. Threads
//! share it, a child inherits it, a program that is started keeps it, and an orphan does not lose
//! it, so no fork needs to be followed. Calls of scripts that read or set this limit are answered
//! here too: they see no limit and change nothing.
//!
//! This emulation has limits:
//!
//! - The kernel does not know these ids. /proc/PID/status, `SO_PEERCRED`, `SCM_CREDENTIALS` and the
//!   auxiliary vector say 0. As under fakeroot, a process may read, write or kill what belongs to
//!   another user.
//! - chmod(2) keeps the setgid bit of a file whose group the caller does not have, and bind(2)
//!   makes a socket that belongs to root.
//! - Ids belong to a process, as POSIX says. The kernel keeps them for each thread, and a program
//!   can see the difference if it makes system calls without the C library.
//! - POSIX ACLs name ids that the namespace does not have: setfacl(1) fails for any id but root's,
//!   and an ACL for root does not reach the image. `chattr +i` and `trusted.*` need root of the
//!   host.
//! - The mark of `PR_SET_KEEPCAPS` survives execve(2) where stacks begin at one address (`setarch
//!   -R`). A script thereby gets back the powers of root in the sandbox, which it had before, and
//!   none over the host.
//! - If the host gives processes a hard limit of that kind, there can be no more sets of ids at a
//!   time than that limit; a further one fails with EAGAIN.
//! - A program with a setuid bit runs with the ids of the caller, and the start of a program does
//!   not copy the effective id to the saved one. The first is true wherever no_new_privs is set
//!   (execve(2)), as it is here.

use super::credentials::{Change, Credentials, Ids, NGROUPS_MAX, Program};
use super::memory;
use super::notified::Call;
use super::proc::{stat_field, status_number};
use super::process;
use super::seccomp::{Listener, Notification, Reply};
use rustix::thread::CapabilitySet;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

/// The most ids that the table may hold, so that no script can fill the memory with them.
const ROOM: usize = 1 << 20;
/// The number of ids in credentials without supplementary groups.
const N_IDS: usize = 8;

/// The credentials of all processes.
#[derive(Default)]
pub(super) struct Identities {
    /// The credentials, indexed by the soft limit.
    known: Vec<Rc<Credentials>>,
    indices: BTreeMap<Rc<Credentials>, u64>,
    root: Rc<Credentials>,
    n_ids: usize,
}

impl Identities {
    /// The credentials of thread `tid`.
    pub(super) fn of(&self, tid: u32) -> io::Result<Rc<Credentials>> {
        let limit = process::lock_limit(tid, None)?;
        if limit.rlim_cur == limit.rlim_max {
            return Ok(Rc::clone(&self.root));
        }
        let index = usize::try_from(limit.rlim_cur).ok();
        let known = index.and_then(|index| self.known.get(index));
        let known = known.ok_or_else(|| io::Error::from_raw_os_error(libc::EPERM))?;
        match known.keeps {
            Some(program) if program_of(tid)? != program || !has_capabilities(tid)? => {
                Ok(Rc::new(known.keeping(None)))
            }
            _ => Ok(Rc::clone(known)),
        }
    }

    /// Gives `credentials` to the process of thread `tid`.
    fn set(&mut self, tid: u32, credentials: Credentials) -> io::Result<()> {
        let mut limit = process::lock_limit(tid, None)?;
        limit.rlim_cur = match credentials == *self.root {
            true => limit.rlim_max,
            // With a hard limit of the host, the indices may run out.
            false => Some(self.index(credentials)?)
                .filter(|index| *index < limit.rlim_max)
                .ok_or_else(full)?,
        };
        process::lock_limit(tid, Some(limit)).map(drop)
    }

    fn index(&mut self, credentials: Credentials) -> io::Result<u64> {
        if let Some(index) = self.indices.get(&credentials) {
            return Ok(*index);
        }
        let n_ids = self.n_ids + N_IDS + credentials.groups.len();
        if n_ids > ROOM {
            return Err(full());
        }
        let index = u64::try_from(self.known.len()).map_err(io::Error::other)?;
        let credentials = Rc::new(credentials);
        self.known.push(Rc::clone(&credentials));
        self.indices.insert(credentials, index);
        self.n_ids = n_ids;
        Ok(index)
    }

    /// Answers a call that asks for or changes the ids of its caller.
    pub(super) fn answer(&mut self, call: &Notification, listener: &Listener) -> io::Result<Reply> {
        let old = self.of(call.tid)?;
        let [first, second, third, ..] = call.arguments.map(low);
        let (one, pair) = (Change::To(first), Change::Pair([first, second]));
        let (all, files) = (Change::All([first, second, third]), Change::Files(first));
        let new = match call.call {
            Call::Setuid => old.with_user(one)?,
            Call::Setreuid => old.with_user(pair)?,
            Call::Setresuid => old.with_user(all)?,
            Call::Setfsuid => old.with_user(files)?,
            Call::Setgid => old.with_group(one)?,
            Call::Setregid => old.with_group(pair)?,
            Call::Setresgid => old.with_group(all)?,
            Call::Setfsgid => old.with_group(files)?,
            Call::Setgroups => set_groups(call, &old)?,
            Call::Prctl => {
                let keeps = (second == 1).then(|| program_of(call.tid)).transpose()?;
                old.keeping(keeps)
            }
            _ => return describe(call, &old, listener),
        };
        if new != *old && listener.is_waiting(call) {
            self.set(call.tid, new)?;
        }
        Ok(match call.call {
            // setfsuid and setfsgid cannot fail; they return the id of before.
            Call::Setfsuid => Reply::Value(old.user.files),
            Call::Setfsgid => Reply::Value(old.group.files),
            // The kernel itself answers the question whether capabilities are kept.
            Call::Prctl => Reply::Continue,
            _ => Reply::DONE,
        })
    }
}

/// The program that thread `tid` runs: field `startstack` of its record.
fn program_of(tid: u32) -> io::Result<Program> {
    stat_field(tid, 28).map(Program)
}

/// Whether the kernel's own record of thread `tid`, which capset(2) changes and execve(2) fills,
/// has the capabilities that it takes to become any user.
fn has_capabilities(tid: u32) -> io::Result<bool> {
    let wanted = (CapabilitySet::SETUID | CapabilitySet::SETGID).bits();
    Ok(status_number(tid, "CapEff:", 16)? & wanted == wanted)
}

/// The error for a full table. The kernel, too, fails in this way when it has no memory
/// (setuid(2)).
fn full() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}

fn set_groups(call: &Notification, old: &Credentials) -> io::Result<Credentials> {
    // The kernel checks in this order: a process without the permission gets that error whatever
    // the list is.
    if !old.is_privileged() {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    let n = usize::try_from(low(call.arguments[0])).map_err(io::Error::other)?;
    if n > NGROUPS_MAX {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let groups = memory::read_ids(call.tid, call.arguments[1], n)?;
    Ok(old.with_groups(groups)?)
}

/// Answers a call that asks for ids, or for the limit that holds them.
fn describe(call: &Notification, old: &Credentials, listener: &Listener) -> io::Result<Reply> {
    let Credentials {
        user,
        group,
        groups,
        ..
    } = old;
    let three = |ids: &Ids| write_each(call, listener, [ids.real, ids.effective, ids.saved]);
    Ok(match call.call {
        Call::Getuid => Reply::Value(user.real),
        Call::Geteuid => Reply::Value(user.effective),
        Call::Getgid => Reply::Value(group.real),
        Call::Getegid => Reply::Value(group.effective),
        Call::Getresuid => three(user)?,
        Call::Getresgid => three(group)?,
        Call::Getgroups => {
            let n = u32::try_from(groups.len()).map_err(io::Error::other)?;
            let room = low(call.arguments[0]).cast_signed();
            let fits = u32::try_from(room).is_ok_and(|room| room == 0 || room >= n);
            if !fits {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            }
            if room != 0 && listener.is_waiting(call) {
                memory::write_ids(call.tid, call.arguments[1], groups)?;
            }
            Reply::Value(n)
        }
        Call::Getrlimit => unlimited(call, call.arguments[1], listener)?,
        Call::Prlimit64 => unlimited(call, call.arguments[3], listener)?,
        _ => Reply::DONE,
    })
}

fn write_each(call: &Notification, listener: &Listener, values: [u32; 3]) -> io::Result<Reply> {
    if listener.is_waiting(call) {
        for (value, address) in values.iter().zip(call.arguments) {
            memory::write_ids(call.tid, address, &[*value])?;
        }
    }
    Ok(Reply::DONE)
}

/// Writes the limit that a script would see without the supervisor, if the call asks for the old
/// limit.
fn unlimited(call: &Notification, address: u64, listener: &Listener) -> io::Result<Reply> {
    let asks = address != 0 || call.call == Call::Getrlimit;
    if asks && listener.is_waiting(call) {
        memory::write_unlimited(call.tid, address)?;
    }
    Ok(Reply::DONE)
}

/// The low half of a register, which is an `unsigned int` argument.
pub(super) fn low(argument: u64) -> u32 {
    u32::try_from(argument & 0xffff_ffff).expect("32 bits are left")
}
