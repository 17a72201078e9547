//! The limits of what one script may take of the machine.
//!
//! An ordinary user has no control groups, so these are limits of single processes and of the
//! namespaces around them. They are the same on every host, and far above the needs of scripts in
//! Debian's packages: a script that reaches one of them would not end at all.
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

/// Makes this process root for the supervisor, which keeps the identity of a process in this limit
/// (`identities`); its greatest value means root. It is called between fork and exec, as [`apply`]
/// is.
pub(crate) fn begin_as_root() -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Locks);
    let root = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(rustix::process::setrlimit(Resource::Locks, root)?)
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
