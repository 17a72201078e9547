//! Which system calls of a script reach the supervisor.
//!
//! Every change and every query of ownership does. All changes of the process's own ids succeed
//! without effect, for there is only one id to have, and so does all waiting for the disk;
//! everything else is the kernel's.

use rustix::thread::CapabilitySet;

/// A system call that asks for or changes ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Chown,
    Lchown,
    Fchown,
    Fchownat,
    Stat,
    Lstat,
    Fstat,
    Newfstatat,
    Statx,
}

/// The calls that reach the supervisor, by their numbers here.
#[cfg(target_arch = "x86_64")]
const NOTIFIED: &[(libc::c_long, Call)] = &[
    (libc::SYS_newfstatat, Call::Newfstatat),
    (libc::SYS_fstat, Call::Fstat),
    (libc::SYS_stat, Call::Stat),
    (libc::SYS_lstat, Call::Lstat),
    (libc::SYS_statx, Call::Statx),
    (libc::SYS_fchownat, Call::Fchownat),
    (libc::SYS_chown, Call::Chown),
    (libc::SYS_lchown, Call::Lchown),
    (libc::SYS_fchown, Call::Fchown),
];
#[cfg(target_arch = "aarch64")]
const NOTIFIED: &[(libc::c_long, Call)] = &[
    (libc::SYS_newfstatat, Call::Newfstatat),
    (libc::SYS_fstat, Call::Fstat),
    (libc::SYS_statx, Call::Statx),
    (libc::SYS_fchownat, Call::Fchownat),
    (libc::SYS_fchown, Call::Fchown),
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NOTIFIED: &[(libc::c_long, Call)] = &[];

/// The calls that succeed without effect.
const IGNORED: &[libc::c_long] = &[
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    // The files of a sandbox are gone after a power failure anyway: nobody reads them again.
    libc::SYS_sync,
    libc::SYS_syncfs,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
];

/// `AUDIT_ARCH_*` of linux/audit.h; calls of another ABI (32-bit programs) pass unseen.
const AUDIT_ARCH: u32 = match cfg!(target_arch = "aarch64") {
    true => 0xc000_00b7,
    false => 0xc000_003e,
};
/// Numbers from here on are the x32 ABI of x86.
const X32_BIT: u32 = 0x4000_0000;

/// Whether this host's calls are known.
pub(super) const SUPPORTED: bool = !NOTIFIED.is_empty();

/// What scripts keep of root's capabilities: what container runtimes leave by default. Without
/// CAP_SYS_PTRACE they cannot reach the descriptors of the supervisor, without CAP_SYS_ADMIN not
/// mount.
pub(super) const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// The call of number `number`, if it is one of ours.
pub(super) fn call(number: i32) -> Option<Call> {
    let number = libc::c_long::from(number);
    let found = NOTIFIED.iter().find(|(notified, _)| *notified == number);
    found.map(|(_, call)| *call)
}

/// The filter as a classic BPF program over `struct seccomp_data`.
pub(super) fn program() -> Vec<libc::sock_filter> {
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let give = |action| statement(libc::BPF_RET | libc::BPF_K, action);
    // Offsets of `nr` and `arch`.
    let mut program = vec![
        load(4),
        jump(libc::BPF_JEQ, AUDIT_ARCH, 1, 0),
        give(libc::SECCOMP_RET_ALLOW),
        load(0),
    ];
    if cfg!(target_arch = "x86_64") {
        program.push(jump(libc::BPF_JGE, X32_BIT, 0, 1));
        program.push(give(libc::SECCOMP_RET_ALLOW));
    }
    let notified = NOTIFIED
        .iter()
        .map(|(call, _)| (*call, libc::SECCOMP_RET_USER_NOTIF));
    let ignored = IGNORED.iter().map(|call| (*call, libc::SECCOMP_RET_ERRNO));
    for (call, action) in notified.chain(ignored) {
        let number = u32::try_from(call).expect("numbers of system calls are small");
        program.push(jump(libc::BPF_JEQ, number, 0, 1));
        program.push(give(action));
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    let code = u16::try_from(code).expect("operations have 16 bits");
    libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    let statement = statement(libc::BPF_JMP | condition | libc::BPF_K, k);
    libc::sock_filter {
        jt,
        jf,
        ..statement
    }
}
