//! The credentials of a process and the rules by which it may change them: the kernel's rules
//! (credentials(7)) as pure functions.
//!
//! A process has the capabilities that follow from its ids: one whose effective user id is 0 has
//! CAP_SETUID and CAP_SETGID, one whose filesystem user id is 0 has CAP_CHOWN (capabilities(7),
//! "Effect of user ID changes on capabilities"). A program that has asked to keep them
//! (`PR_SET_KEEPCAPS`) has all three whatever its ids are, because setpriv(1) changes its groups
//! after its user. Here a capability is effective at once, while the kernel waits for capset(2).

use rustix::io::Errno;

/// The argument that leaves an id as it is: `-1`.
pub(super) const UNCHANGED: u32 = u32::MAX;

/// The most supplementary groups that Linux gives a process.
pub(super) const NGROUPS_MAX: usize = 65_536;

/// The user and the group of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The owner of a file without a note.
pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// The ids of one kind: user ids or group ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ids {
    pub(super) real: u32,
    pub(super) effective: u32,
    pub(super) saved: u32,
    /// The id that counts for access to files (setfsuid(2)).
    pub(super) files: u32,
}

/// A change of the ids of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// `setuid`, `setgid`.
    To(u32),
    /// `setreuid`, `setregid`: real and effective.
    Pair([u32; 2]),
    /// `setresuid`, `setresgid`: real, effective and saved.
    All([u32; 3]),
    /// `setfsuid`, `setfsgid`, which never fail.
    Files(u32),
}

/// All ids of a process. The default is root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Credentials {
    pub(super) user: Ids,
    pub(super) group: Ids,
    /// The supplementary groups, in order.
    pub(super) groups: Vec<u32>,
    /// The program that keeps its capabilities when its user ids change. A program that it starts
    /// does not keep them.
    pub(super) keeps: Option<Program>,
}

/// A program in the memory of its process, recognized by the address at which its stack began. A
/// child has the same address; a program that is started by execve(2) has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program(pub(super) u64);

impl Credentials {
    /// These credentials after a change of the user ids.
    pub(super) fn with_user(&self, change: Change) -> Result<Self, Errno> {
        let user = self.user.after(change, self.is_privileged())?;
        Ok(Self {
            user,
            ..self.clone()
        })
    }

    /// These credentials after a change of the group ids.
    pub(super) fn with_group(&self, change: Change) -> Result<Self, Errno> {
        let group = self.group.after(change, self.is_privileged())?;
        Ok(Self {
            group,
            ..self.clone()
        })
    }

    /// These credentials after `program` has asked to keep its capabilities, if it has any. Without
    /// a program, none keeps them.
    pub(super) fn keeping(&self, program: Option<Program>) -> Self {
        let Ids {
            real,
            effective,
            saved,
            ..
        } = self.user;
        let has = [real, effective, saved].contains(&0) || self.keeps.is_some();
        Self {
            keeps: program.filter(|_| has),
            ..self.clone()
        }
    }

    /// Whether the process may take any ids and supplementary groups, and not only the ids that it
    /// has (CAP_SETUID, CAP_SETGID).
    pub(super) fn is_privileged(&self) -> bool {
        self.user.effective == 0 || self.keeps.is_some()
    }

    /// These credentials with other supplementary groups, sorted as the kernel sorts them.
    pub(super) fn with_groups(&self, mut groups: Vec<u32>) -> Result<Self, Errno> {
        if !self.is_privileged() {
            return Err(Errno::PERM);
        }
        if groups.len() > NGROUPS_MAX || groups.contains(&UNCHANGED) {
            return Err(Errno::INVAL);
        }
        groups.sort_unstable();
        Ok(Self {
            groups,
            ..self.clone()
        })
    }

    /// The owner of the files that the process makes, in a folder without a setgid bit.
    pub(super) fn owner(&self) -> Owner {
        Owner {
            uid: self.user.files,
            gid: self.group.files,
        }
    }

    /// Whether the process has `group` for access to files.
    pub(super) fn is_in(&self, group: u32) -> bool {
        self.group.files == group || self.groups.binary_search(&group).is_ok()
    }

    /// Whether the process has root's power over files (CAP_CHOWN).
    pub(super) fn rules_files(&self) -> bool {
        self.user.files == 0 || self.keeps.is_some()
    }

    /// Whether the process may give a file of `owner` to these ids; [`UNCHANGED`] leaves an id as
    /// it is (chown(2)).
    pub(super) fn may_give(&self, owner: Owner, [uid, gid]: [u32; 2]) -> bool {
        let own = self.user.files == owner.uid;
        let user = uid == UNCHANGED || own && uid == owner.uid;
        let group = gid == UNCHANGED || own && (gid == owner.gid || self.is_in(gid));
        self.rules_files() || user && group
    }
}

impl Ids {
    /// Four equal ids.
    #[cfg(test)]
    fn all(id: u32) -> Self {
        Self {
            real: id,
            effective: id,
            saved: id,
            files: id,
        }
    }

    /// The ids after `change`, by the rules of kernel/sys.c.
    fn after(self, change: Change, privileged: bool) -> Result<Self, Errno> {
        match change {
            Change::To(id) => self.after_one(id, privileged),
            Change::Pair(ids) => self.after_pair(ids, privileged),
            Change::All(ids) => self.after_all(ids, privileged),
            Change::Files(id) => Ok(self.after_files(id, privileged)),
        }
    }

    fn after_one(self, id: u32, privileged: bool) -> Result<Self, Errno> {
        if id == UNCHANGED {
            return Err(Errno::INVAL);
        }
        let taken = Self {
            effective: id,
            files: id,
            ..self
        };
        match privileged {
            true => Ok(Self {
                real: id,
                saved: id,
                ..taken
            }),
            false if [self.real, self.saved].contains(&id) => Ok(taken),
            false => Err(Errno::PERM),
        }
    }

    fn after_pair(self, [real, effective]: [u32; 2], privileged: bool) -> Result<Self, Errno> {
        let own = [self.real, self.effective, self.saved];
        may(real, &own[..2], privileged)?;
        may(effective, &own, privileged)?;
        let mut after = self;
        set(&mut after.real, real);
        set(&mut after.effective, effective);
        if real != UNCHANGED || effective != UNCHANGED && effective != self.real {
            after.saved = after.effective;
        }
        after.files = after.effective;
        Ok(after)
    }

    fn after_all(
        self,
        [real, effective, saved]: [u32; 3],
        privileged: bool,
    ) -> Result<Self, Errno> {
        let same = |new: u32, olds: &[u32]| new == UNCHANGED || olds.iter().all(|old| *old == new);
        // Since Linux 6.2, a call that changes no id leaves the filesystem id alone too.
        if same(real, &[self.real])
            && same(effective, &[self.effective, self.files])
            && same(saved, &[self.saved])
        {
            return Ok(self);
        }
        let own = [self.real, self.effective, self.saved];
        for id in [real, effective, saved] {
            may(id, &own, privileged)?;
        }
        let mut after = self;
        set(&mut after.real, real);
        set(&mut after.effective, effective);
        set(&mut after.saved, saved);
        after.files = after.effective;
        Ok(after)
    }

    fn after_files(self, id: u32, privileged: bool) -> Self {
        let own = [self.real, self.effective, self.saved, self.files];
        match may(id, &own, privileged) {
            Ok(()) if id != UNCHANGED => Self { files: id, ..self },
            _ => self,
        }
    }
}

fn may(id: u32, own: &[u32], privileged: bool) -> Result<(), Errno> {
    match id == UNCHANGED || privileged || own.contains(&id) {
        true => Ok(()),
        false => Err(Errno::PERM),
    }
}

fn set(id: &mut u32, new: u32) {
    if new != UNCHANGED {
        *id = new;
    }
}

#[cfg(test)]
mod tests {
    #![expect(unsafe_code, reason = "the kernel is asked by its bare calls")]

    use super::*;

    /// Makes a system call for this thread alone, whose credentials are its own.
    fn kernel(number: libc::c_long, arguments: [usize; 3]) -> Result<u32, Errno> {
        let [a, b, c] = arguments;
        // SAFETY: these calls take numbers, or the number of entries and the address of a list.
        let result = unsafe { libc::syscall(number, a, b, c) };
        let error = std::io::Error::last_os_error();
        u32::try_from(result).map_err(|_| Errno::from_io_error(&error).unwrap())
    }

    /// The credentials of this thread as the kernel reports them.
    fn thread() -> Credentials {
        let status = fs_err::read_to_string("/proc/thread-self/status").unwrap();
        let numbers = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let words = line.unwrap().split_whitespace();
            words.map(|word| word.parse().unwrap()).collect()
        };
        let ids = |name| match numbers(name)[..] {
            [real, effective, saved, files] => Ids {
                real,
                effective,
                saved,
                files,
            },
            ref other => panic!("{other:?}"),
        };
        Credentials {
            user: ids("Uid:"),
            group: ids("Gid:"),
            groups: numbers("Groups:"),
            keeps: None,
        }
    }

    /// Pseudo-random numbers (Knuth's MMIX generator).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % n
        }
    }

    /// Makes the same change by the kernel and by this module. Gives a description with both
    /// results, and the credentials afterwards.
    fn step(dice: &mut Dice, now: &Credentials, known: &[u32]) -> (String, Credentials) {
        let mut id = || known[dice.below(known.len())];
        let ids = [id(), id(), id()];
        let [a, b, c] = ids;
        let (calls, change) = match dice.below(9) {
            0 => ([libc::SYS_setuid, libc::SYS_setgid], Change::To(a)),
            1 | 2 => (
                [libc::SYS_setreuid, libc::SYS_setregid],
                Change::Pair([a, b]),
            ),
            // Before Linux 6.2, a call that changed no id still set the filesystem id.
            3..=5
                if now.user.files == now.user.effective
                    && now.group.files == now.group.effective =>
            {
                (
                    [libc::SYS_setresuid, libc::SYS_setresgid],
                    Change::All([a, b, c]),
                )
            }
            3..=7 => ([libc::SYS_setfsuid, libc::SYS_setfsgid], Change::Files(a)),
            _ => {
                let groups: Vec<u32> = (0..dice.below(4)).map(|at| ids[at % 3]).collect();
                let ours = now.with_groups(groups.clone());
                let result = kernel(
                    libc::SYS_setgroups,
                    [groups.len(), groups.as_ptr().expose_provenance(), 0],
                );
                assert_eq!(ours.as_ref().map(|_| 0).map_err(|error| *error), result);
                return (format!("groups {groups:?}"), ours.unwrap_or(now.clone()));
            }
        };
        let group = dice.below(2);
        let ours = match group {
            0 => now.with_user(change),
            _ => now.with_group(change),
        };
        let old = [now.user.files, now.group.files][group];
        let value = match change {
            Change::Files(_) => old,
            _ => 0,
        };
        let result = kernel(calls[group], ids.map(|id| usize::try_from(id).unwrap()));
        let what = format!("{change:?} of {group} from {now:?}");
        assert_eq!(
            ours.as_ref().map(|_| value).map_err(|error| *error),
            result,
            "{what}"
        );
        (what, ours.unwrap_or(now.clone()))
    }

    #[test]
    fn what_a_process_may_become_is_what_the_kernel_lets_it() {
        let known = [0, 0, 1, 2, 3, thread().user.real, UNCHANGED, UNCHANGED];
        let walk = |seed: u64| {
            let mut dice = Dice(seed);
            let mut now = thread();
            for _ in 0..24 {
                let (what, after) = step(&mut dice, &now, &known);
                assert_eq!(after, thread(), "seed {seed}: {what}");
                now = after;
            }
        };
        for seed in 0..400 {
            // The kernel keeps credentials for each thread, and they end with it.
            std::thread::scope(|scope| scope.spawn(|| walk(seed)).join()).unwrap();
        }
    }

    #[test]
    fn only_its_own_is_given_away_and_only_to_a_group_of_its_own() {
        let who = Credentials {
            user: Ids::all(7),
            group: Ids::all(8),
            groups: vec![9, 10],
            keeps: None,
        };
        let own = Owner { uid: 7, gid: 50 };
        for (ids, expected) in [
            ([UNCHANGED, UNCHANGED], true),
            ([7, 8], true),
            ([UNCHANGED, 10], true),
            ([7, 50], true),
            ([UNCHANGED, 11], false),
            ([0, UNCHANGED], false),
        ] {
            assert_eq!(who.may_give(own, ids), expected, "{ids:?}");
        }
        assert!(!who.may_give(Owner { uid: 0, gid: 8 }, [UNCHANGED, 8]));
        assert!(Credentials::default().may_give(own, [3, 4]));
    }
}
