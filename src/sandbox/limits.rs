//! What one script may take of the machine.
//!
//! A user has no control groups of their own, so these are the limits of single processes, and of the
//! namespaces around them. They are the same on every host, and far above what scripts of
//! Debian's packages need: a script ends well under any of them, or not at all.
//!
//! | of | limit | why so |
//! |---|---|---|
//! | time | [`timeout`] without a word of dpkg about another script | a script that waits, waits for ever: nobody answers |
//! | output | [`OUTPUT`] of one script | it is read, and its last lines are kept |
//! | processes | [`PROCESSES`], threads included | since Linux 5.14 counted in the user namespace alone |
//! | memory | [`DATA`] of one process, and `oom_score_adj` | address space (RLIMIT_AS) is what qemu-user and Java reserve and never use; where memory ends, the kernel ends a script, not another program |
//! | ids | a million in all of a sandbox (`identities`) | each set of them that a script takes is kept |
//! | a file | [`FILE_SIZE`] | holes are kept as holes, so that the length of a file is not what it takes |
//! | files of other accounts than root | the user's own hard limit of open files (`ulimit -Hn`) | the supervisor keeps each open, so that no other file takes its number |
//! | tmpfs | the sizes in `mounts` | they are memory, too |

use rustix::process::{Resource, Rlimit};
use std::io;
use std::time::Duration;

/// How much one script may print.
pub(super) const OUTPUT: u64 = 64 << 20;
const PROCESSES: u64 = 4096;
const DATA: u64 = 8 << 30;
const FILE_SIZE: u64 = 256 << 30;
/// Some programs close every number up to the limit.
const OPEN_FILES: u64 = 1024;

/// How long a script may go on if nobody says otherwise, natively or emulated.
pub(crate) fn timeout(emulated: bool) -> Duration {
    const MINUTE: u64 = 60;
    Duration::from_secs(if emulated { 60 * MINUTE } else { 10 * MINUTE })
}

/// Limits this process and all that it starts. Between fork and exec: makes system calls only.
pub(crate) fn apply() -> io::Result<()> {
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, PROCESSES)?;
    limit(Resource::Data, DATA)?;
    limit(Resource::Fsize, FILE_SIZE)?;
    Ok(())
}

/// The supervisor keeps in this limit who a process is (`identities`); at its most, that is root. The same
/// holds as for [`apply`].
pub(crate) fn begin_as_root() -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Locks);
    let root = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(rustix::process::setrlimit(Resource::Locks, root)?)
}

/// Lets the kernel end what this process starts before anything else when memory ends. Everybody may ask
/// for that, but later the sandbox may not: its /proc is read-only and no longer its user's. A kernel
/// that does not know it chooses in its own way.
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
