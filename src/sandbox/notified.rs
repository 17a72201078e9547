//! The system calls that the supervisor answers, and their numbers on this host.

/// The condition on an argument under which the supervisor answers a call. The kernel carries out
/// the other calls alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Every call.
    Always,
    /// The argument of this index holds flags of `open` that make a file.
    Creates(u32),
    /// This argument names the limit in which the supervisor keeps the identity of a process
    /// (`identities`).
    Limit(u32),
    /// As `Limit`, for `prlimit64`, whose first argument names a process. It is refused for any
    /// process but the caller, because the supervisor has the same user id and could be changed.
    OwnLimit,
    /// `prctl` decides whether capabilities are kept.
    Keeps,
}

/// A system call that the supervisor answers, by the kernel's own names.
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
    Setuid,
    Setgid,
    Setreuid,
    Setregid,
    Setresuid,
    Setresgid,
    Setfsuid,
    Setfsgid,
    Setgroups,
    Getuid,
    Geteuid,
    Getgid,
    Getegid,
    Getresuid,
    Getresgid,
    Getgroups,
    Getrlimit,
    Setrlimit,
    Prlimit64,
    Prctl,
    Open,
    Creat,
    Openat,
    Openat2,
    Mkdir,
    Mkdirat,
    Mknod,
    Mknodat,
    Symlink,
    Symlinkat,
    Chroot,
}

/// The subject of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The owner of a file.
    Owner,
    /// The ids of the caller.
    Identity,
    /// A new file.
    Creation,
    /// The root directory of the caller.
    Root,
}

impl Call {
    /// The subject of the call.
    pub(super) fn subject(self) -> Subject {
        match self {
            Self::Chown
            | Self::Lchown
            | Self::Fchown
            | Self::Fchownat
            | Self::Stat
            | Self::Lstat
            | Self::Fstat
            | Self::Newfstatat
            | Self::Statx => Subject::Owner,
            Self::Open
            | Self::Creat
            | Self::Openat
            | Self::Openat2
            | Self::Mkdir
            | Self::Mkdirat
            | Self::Mknod
            | Self::Mknodat
            | Self::Symlink
            | Self::Symlinkat => Subject::Creation,
            Self::Chroot => Subject::Root,
            _ => Subject::Identity,
        }
    }

    /// Whether the call changes the owner of a file.
    pub(super) fn is_chown(self) -> bool {
        matches!(
            self,
            Self::Chown | Self::Lchown | Self::Fchown | Self::Fchownat
        )
    }
}

/// The calls.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const NOTIFIED: &[(libc::c_long, Call, When)] = &[
    (libc::SYS_newfstatat, Call::Newfstatat, When::Always),
    (libc::SYS_fstat, Call::Fstat, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_stat, Call::Stat, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_lstat, Call::Lstat, When::Always),
    (libc::SYS_statx, Call::Statx, When::Always),
    (libc::SYS_fchownat, Call::Fchownat, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chown, Call::Chown, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_lchown, Call::Lchown, When::Always),
    (libc::SYS_fchown, Call::Fchown, When::Always),
    (libc::SYS_setuid, Call::Setuid, When::Always),
    (libc::SYS_setgid, Call::Setgid, When::Always),
    (libc::SYS_setreuid, Call::Setreuid, When::Always),
    (libc::SYS_setregid, Call::Setregid, When::Always),
    (libc::SYS_setresuid, Call::Setresuid, When::Always),
    (libc::SYS_setresgid, Call::Setresgid, When::Always),
    (libc::SYS_setfsuid, Call::Setfsuid, When::Always),
    (libc::SYS_setfsgid, Call::Setfsgid, When::Always),
    (libc::SYS_setgroups, Call::Setgroups, When::Always),
    (libc::SYS_getuid, Call::Getuid, When::Always),
    (libc::SYS_geteuid, Call::Geteuid, When::Always),
    (libc::SYS_getgid, Call::Getgid, When::Always),
    (libc::SYS_getegid, Call::Getegid, When::Always),
    (libc::SYS_getresuid, Call::Getresuid, When::Always),
    (libc::SYS_getresgid, Call::Getresgid, When::Always),
    (libc::SYS_getgroups, Call::Getgroups, When::Always),
    (libc::SYS_getrlimit, Call::Getrlimit, When::Limit(0)),
    (libc::SYS_setrlimit, Call::Setrlimit, When::Limit(0)),
    (libc::SYS_prlimit64, Call::Prlimit64, When::OwnLimit),
    (libc::SYS_prctl, Call::Prctl, When::Keeps),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, Call::Open, When::Creates(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, Call::Creat, When::Always),
    (libc::SYS_openat, Call::Openat, When::Creates(2)),
    // Its flags are in memory, where the filter cannot see them.
    (libc::SYS_openat2, Call::Openat2, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, Call::Mkdir, When::Always),
    (libc::SYS_mkdirat, Call::Mkdirat, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, Call::Mknod, When::Always),
    (libc::SYS_mknodat, Call::Mknodat, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_symlink, Call::Symlink, When::Always),
    (libc::SYS_symlinkat, Call::Symlinkat, When::Always),
    (libc::SYS_chroot, Call::Chroot, When::Always),
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const NOTIFIED: &[(libc::c_long, Call, When)] = &[];

/// The call with this number, if the supervisor answers it.
pub(super) fn call(number: i32) -> Option<Call> {
    let number = libc::c_long::from(number);
    let found = NOTIFIED.iter().find(|(known, ..)| *known == number);
    found.map(|(_, call, _)| *call)
}
