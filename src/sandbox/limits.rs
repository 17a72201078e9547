//! The limits of what one script may take of the machine.
//!
//! An ordinary user has no control groups, so these are limits of single processes and of the
//! namespaces around them. They are the same on every host, and far above the needs of scripts in
//! Debian's packages: a script that reaches one of them would not end at all.
//!
//! | of | limit | reason |
//! |---|---|---|
//! | time | [`timeout`] since dpkg last reported another script | a script that waits for an answer waits for ever, because nobody answers |
//! | output | [`OUTPUT`] of one script | it is read, and its last lines are kept |
//! | processes | [`PROCESSES`], threads included | since Linux 5.14 only those of the user namespace count |
//! | memory | [`DATA`] of one process, and `oom_score_adj` | qemu-user and Java reserve much more address space (RLIMIT_AS) than they use; if memory runs out, the kernel kills a script and no other program |
//! | ids | a million in the whole sandbox (`identities`) | the supervisor keeps each set of ids that a script takes |
//! | a file | [`FILE_SIZE`] | holes stay holes, so a file may be much longer than its space on the disk |
//! | files of other accounts than root | the user's own hard limit of open files (`ulimit -Hn`) | the supervisor keeps each open, so that no other file gets its number |
//! | tmpfs | the sizes in `mounts` | they take memory too |

use rustix::process::{Resource, Rlimit};
use std::io;
use std::time::Duration;

/// The most bytes that one script may print.
pub(super) const OUTPUT: u64 = 64 << 20;
const PROCESSES: u64 = 4096;
const DATA: u64 = 8 << 30;
const FILE_SIZE: u64 = 256 << 30;
/// Some programs close every descriptor number up to the limit, so it is low.
const OPEN_FILES: u64 = 1024;

/// The time limit of a script if the user sets none, for native or emulated programs.
pub(crate) fn timeout(emulated: bool) -> Duration {
    const MINUTE: u64 = 60;
    Duration::from_secs(if emulated { 60 * MINUTE } else { 10 * MINUTE })
}

/// Sets the limits of this process and of all that it starts. It is called between fork and exec,
/// so it makes system calls only.
pub(crate) fn apply() -> io::Result<()> {
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, PROCESSES)?;
    limit(Resource::Data, DATA)?;
    limit(Resource::Fsize, FILE_SIZE)?;
    Ok(())
}

/// Raises the soft limit of `resource` to the hard limit. It may be called between fork and exec, as
/// [`apply`] is.
pub(crate) fn raise(resource: Resource) -> io::Result<()> {
    let limit = rustix::process::getrlimit(resource);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(rustix::process::setrlimit(resource, raised)?)
}

/// Tells the kernel to kill what this process starts before any other program when memory runs out.
/// Any process may ask for that, but the sandbox could not do so later: its /proc is read-only and
/// no longer its user's. A kernel that does not know this setting chooses in its own way.
pub(crate) fn be_first_to_go() {
    let _ = fs_err::write("/proc/self/oom_score_adj", "1000");
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let old = rustix::process::getrlimit(resource);
    let most = old.maximum.map_or(most, |maximum| maximum.min(most));
    let new = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(rustix::process::setrlimit(resource, new)?)
}
