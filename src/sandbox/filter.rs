//! The filter that decides which system calls of a script are carried out.
//!
//! The filter is a list of allowed calls, similar to Docker's default profile; a call that is on no
//! list is refused. A call that asks for or changes the owner of a file or the ids of a process
//! goes to the supervisor (`notified`), and so does a call that makes a file. A call that waits for
//! the disk returns success at once.
//!
//! Only the host's own ABI is allowed: an image has one architecture, and programs of another one
//! run in an emulator, which makes the host's calls. With the numbers of i386, x32 and arm, a
//! script could ask for and change ownership without the supervisor, so a process that uses them
//! may only exit.

use super::calls::{ALLOWED, IGNORED, LATEST};
use super::notified::{NOTIFIED, When};
use rustix::thread::CapabilitySet;
use std::collections::BTreeMap;

/// The result of the filter for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    /// The supervisor answers.
    Notify,
    /// The call returns this error, or success if it is 0.
    Return(i32),
}

/// The rule for a call. An argument of the call decides, of which the kernel uses 32 bits, except
/// for `Always` and `Notified(When::Always)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Always(Verdict),
    /// `clone`: it may make no new namespace.
    Namespaces,
    /// `socket`, `socketpair`: the address family must be a needed one.
    Family,
    /// `ioctl`: it may not type into a terminal.
    Request,
    /// The calls that the supervisor answers under this condition.
    Notified(When),
    /// `personality`: it may change no more than a version number.
    Persona,
}

const ASKED: &[(libc::c_long, Rule)] = &[
    (libc::SYS_clone, Rule::Namespaces),
    (libc::SYS_socket, Rule::Family),
    (libc::SYS_socketpair, Rule::Family),
    (libc::SYS_ioctl, Rule::Request),
    (libc::SYS_personality, Rule::Persona),
];

/// Every `CLONE_NEW…` that `clone` knows.
const NAMESPACES: u32 = 0x7e02_0000;
/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_NETLINK`.
const FAMILIES: [u32; 4] = [1, 2, 10, 16];
/// `TIOCSTI` and `TIOCLINUX`, which put characters into a terminal as if its user had typed them.
const TYPING: [u32; 2] = [0x5412, 0x541c];
/// `PER_LINUX` and `PER_LINUX32`, each also with `UNAME26`, and the value that asks for the present
/// one.
const PERSONAS: [u32; 5] = [0, 8, 0x2_0000, 0x2_0008, u32::MAX];
/// The flags of `open` that make a file: `O_CREAT`, and the bits of `O_TMPFILE` without
/// `O_DIRECTORY`.
const CREATES: u32 = (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY).cast_unsigned();
/// `RLIMIT_LOCKS`, in which the supervisor keeps the identity of a process.
const IDENTITY: u32 = 10;
/// `PR_SET_KEEPCAPS`.
const KEEPS: u32 = 8;

/// `AUDIT_ARCH_*` of linux/audit.h.
const AUDIT_ARCH: u32 = match cfg!(target_arch = "aarch64") {
    true => 0xc000_00b7,
    false => 0xc000_003e,
};
/// The `AUDIT_ARCH_*` of the 32-bit ABI of the same processor (i386, arm), and its numbers of
/// `exit` and `exit_group`: a process whose other calls are refused must be able to end.
const SMALL_ARCH: (u32, [u32; 2]) = match cfg!(target_arch = "aarch64") {
    true => (0x4000_0028, [1, 248]),
    false => (0x4000_0003, [1, 252]),
};

/// Whether the numbers of this host's calls are known.
pub(super) const SUPPORTED: bool = !NOTIFIED.is_empty();

/// The capabilities of root that scripts keep, which are those that container runtimes leave by
/// default. Without CAP_SYS_PTRACE a script cannot reach the descriptors of the supervisor, and
/// without CAP_SYS_ADMIN it cannot mount.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
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

/// The capabilities of root that a program keeps. `network` adds CAP_NET_ADMIN: nftables refuses
/// even to check a rule for a process that may not change the network.
pub(super) fn kept(network: bool) -> CapabilitySet {
    match network {
        true => KEPT.union(CapabilitySet::NET_ADMIN),
        false => KEPT,
    }
}

/// The rules, sorted by the first number of the range to which each applies.
fn ranges() -> Vec<(u32, Rule)> {
    let always = |call: &libc::c_long, verdict| (*call, Rule::Always(verdict));
    let allowed = ALLOWED.iter().map(|call| always(call, Verdict::Allow));
    let notified = NOTIFIED
        .iter()
        .map(|(call, _, when)| (*call, Rule::Notified(*when)));
    let ignored = IGNORED.iter().map(|call| always(call, Verdict::Return(0)));
    // If clone3 does not exist, the C library uses `clone`, whose flags the filter can see.
    let clone3 = [always(&libc::SYS_clone3, Verdict::Return(libc::ENOSYS))];
    let listed = allowed
        .chain(notified)
        .chain(ignored)
        .chain(ASKED.iter().copied());
    let listed: BTreeMap<libc::c_long, Rule> = listed.chain(clone3).collect();
    let refused = Rule::Always(Verdict::Return(libc::EPERM));
    let mut ranges: Vec<(u32, Rule)> = Vec::new();
    for (number, first) in (0..=LATEST).zip(0..) {
        let rule = listed.get(&number).copied().unwrap_or(refused);
        if ranges.last().is_none_or(|(_, last)| *last != rule) {
            ranges.push((first, rule));
        }
    }
    // The calls that are newer than the lists, or not of this ABI, do not exist. Programs have
    // another way, for kernels without them.
    let behind = u32::try_from(LATEST + 1).expect("numbers of system calls are small");
    ranges.push((behind, Rule::Always(Verdict::Return(libc::ENOSYS))));
    ranges
}

/// The filter as a classic BPF program over `struct seccomp_data`.
pub(super) fn program() -> Vec<libc::sock_filter> {
    let (small, ends) = SMALL_ARCH;
    let mut program = vec![
        load(ARCH),
        jump(libc::BPF_JEQ, AUDIT_ARCH, 6, 0),
        jump(libc::BPF_JEQ, small, 0, 3),
        load(NUMBER),
        jump(libc::BPF_JEQ, ends[0], 2, 0),
        jump(libc::BPF_JEQ, ends[1], 1, 0),
        give(Verdict::Return(libc::ENOSYS)),
        give(Verdict::Allow),
    ];
    // The jump for the host's own ABI leads here.
    program.push(load(NUMBER));
    program.extend(search(&ranges()));
    program
}

/// Finds the rule for the loaded number by binary search over the ranges.
fn search(ranges: &[(u32, Rule)]) -> Vec<libc::sock_filter> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let [(first, rule), ..] = upper else {
        return Vec::new();
    };
    if lower.is_empty() {
        return leaf(*rule);
    }
    let (lower, upper) = (search(lower), search(upper));
    let mut program = match u8::try_from(lower.len()) {
        Ok(len) => vec![jump(libc::BPF_JGE, *first, len, 0)],
        Err(_) => {
            let len = u32::try_from(lower.len()).expect("a program is short");
            vec![
                jump(libc::BPF_JGE, *first, 0, 1),
                statement(libc::BPF_JMP | libc::BPF_JA, len),
            ]
        }
    };
    program.extend(lower);
    program.extend(upper);
    program
}

/// The instructions that carry `rule` out.
fn leaf(rule: Rule) -> Vec<libc::sock_filter> {
    let allowed = Verdict::Allow;
    let refused = Verdict::Return(libc::EPERM);
    let (index, values, found, other) = match rule {
        Rule::Always(verdict) => return vec![give(verdict)],
        Rule::Notified(when) => return ask_supervisor(when),
        Rule::Namespaces => {
            let flag = jump(libc::BPF_JSET, NAMESPACES, 0, 1);
            return vec![load(argument(0)), flag, give(refused), give(allowed)];
        }
        Rule::Family => {
            let unknown = Verdict::Return(libc::EAFNOSUPPORT);
            (0, FAMILIES.as_slice(), allowed, unknown)
        }
        Rule::Request => (1, TYPING.as_slice(), refused, allowed),
        Rule::Persona => (0, PERSONAS.as_slice(), allowed, refused),
    };
    let mut program = vec![load(argument(index))];
    for (value, left) in values.iter().zip((0..values.len()).rev()) {
        let over = u8::try_from(left + 1).expect("the lists are short");
        program.push(jump(libc::BPF_JEQ, *value, over, 0));
    }
    program.extend([give(other), give(found)]);
    program
}

/// The instructions that send the calls that `when` names to the supervisor.
fn ask_supervisor(when: When) -> Vec<libc::sock_filter> {
    let notified = give(Verdict::Notify);
    let limit = |index| {
        let is_identity = jump(libc::BPF_JEQ, IDENTITY, 0, 1);
        [load(argument(index)), is_identity, notified]
    };
    let mut program = Vec::new();
    match when {
        When::Always => return vec![notified],
        When::Creates(index) => {
            let creates = jump(libc::BPF_JSET, CREATES, 0, 1);
            program.extend([load(argument(index)), creates, notified]);
        }
        When::Limit(index) => program.extend(limit(index)),
        When::Keeps => {
            let keeps = jump(libc::BPF_JEQ, KEEPS, 0, 1);
            program.extend([load(argument(0)), keeps, notified]);
        }
        When::OwnLimit => {
            let own = jump(libc::BPF_JEQ, 0, 1, 0);
            let refused = give(Verdict::Return(libc::EPERM));
            program.extend([load(argument(0)), own, refused]);
            program.extend(limit(1));
        }
    }
    program.push(give(Verdict::Allow));
    program
}

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// The offset of the low half of argument `index`, on little-endian processors.
fn argument(index: u32) -> u32 {
    16 + 8 * index
}

fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn give(verdict: Verdict) -> libc::sock_filter {
    let action = match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Notify => libc::SECCOMP_RET_USER_NOTIF,
        Verdict::Return(number) => libc::SECCOMP_RET_ERRNO | number.unsigned_abs(),
    };
    statement(libc::BPF_RET | libc::BPF_K, action)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would: it uses six operations of classic BPF.
    fn answer(arch: u32, number: u32, arguments: [u32; 6]) -> u32 {
        let program = program();
        let (mut at, mut loaded) = (0, 0);
        loop {
            let line = program[at];
            at += 1;
            let taken = match u32::from(line.code) {
                code if code == libc::BPF_RET | libc::BPF_K => return line.k,
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    loaded = match line.k {
                        NUMBER => number,
                        ARCH => arch,
                        offset => arguments[usize::try_from((offset - 16) / 8).unwrap()],
                    };
                    continue;
                }
                code if code == libc::BPF_JMP | libc::BPF_JA => {
                    at += usize::try_from(line.k).unwrap();
                    continue;
                }
                code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => loaded == line.k,
                code if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K => loaded >= line.k,
                code if code == libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K => {
                    loaded & line.k != 0
                }
                code => panic!("operation {code:#x}"),
            };
            at += usize::from(if taken { line.jt } else { line.jf });
        }
    }

    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();

    #[test]
    fn every_number_gets_what_the_lists_say() {
        for (number, call) in (0..2000).zip(0..) {
            let notified = NOTIFIED.iter().find(|(notified, ..)| *notified == call);
            let asked = ASKED.iter().any(|(asked, _)| *asked == call)
                || notified.is_some_and(|(.., when)| *when != When::Always);
            let expected = match call {
                _ if notified.is_some() => libc::SECCOMP_RET_USER_NOTIF,
                call if IGNORED.contains(&call) => libc::SECCOMP_RET_ERRNO,
                call if ALLOWED.contains(&call) => libc::SECCOMP_RET_ALLOW,
                call if call > LATEST || call == libc::SYS_clone3 => ENOSYS,
                _ => EPERM,
            };
            assert!(
                asked || answer(AUDIT_ARCH, number, [0; 6]) == expected,
                "{call}"
            );
        }
    }

    #[test]
    fn arguments_decide_where_a_call_can_do_both() {
        let answer = |call: libc::c_long, arguments: [u32; 2]| {
            let [first, second] = arguments;
            let number = u32::try_from(call).unwrap();
            answer(AUDIT_ARCH, number, [first, second, 0, 0, 0, 0])
        };
        let allow = libc::SECCOMP_RET_ALLOW;
        let no_family = libc::SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT.unsigned_abs();
        for family in 0..64 {
            let known = matches!(family, 1 | 2 | 10 | 16);
            let expected = if known { allow } else { no_family };
            assert_eq!(answer(libc::SYS_socket, [family, 1]), expected, "{family}");
            assert_eq!(
                answer(libc::SYS_socketpair, [family, 1]),
                expected,
                "{family}"
            );
        }
        for bit in 0..32 {
            let new = matches!(bit, 17 | 25..=30);
            let expected = if new { EPERM } else { allow };
            assert_eq!(answer(libc::SYS_clone, [1 << bit, 0]), expected, "{bit}");
        }
        // The flags of `clone` with which the C library starts a program.
        assert_eq!(answer(libc::SYS_clone, [0x4111, 0]), allow);
        assert_eq!(answer(libc::SYS_ioctl, [0, 0x5412]), EPERM);
        assert_eq!(answer(libc::SYS_ioctl, [0, 0x5401]), allow);
        let notify = libc::SECCOMP_RET_USER_NOTIF;
        assert_eq!(answer(libc::SYS_prlimit64, [0, 7]), allow);
        assert_eq!(answer(libc::SYS_prlimit64, [1, 7]), EPERM);
        assert_eq!(answer(libc::SYS_prlimit64, [0, 10]), notify);
        assert_eq!(answer(libc::SYS_prlimit64, [1, 10]), EPERM);
        for call in [libc::SYS_getrlimit, libc::SYS_setrlimit] {
            assert_eq!(answer(call, [10, 0]), notify);
            assert_eq!(answer(call, [7, 10]), allow);
        }
        assert_eq!(answer(libc::SYS_personality, [0x2_0008, 0]), allow);
        assert_eq!(answer(libc::SYS_personality, [0x40_0000, 0]), EPERM);
    }

    #[test]
    fn by_another_abi_a_process_can_only_end() {
        let (small, ends) = SMALL_ARCH;
        for number in 0..1000 {
            let expected = match ends.contains(&number) {
                true => libc::SECCOMP_RET_ALLOW,
                false => ENOSYS,
            };
            assert_eq!(answer(small, number, [0; 6]), expected, "{number}");
            assert_eq!(answer(0x8000_0015, number, [0; 6]), ENOSYS);
            assert_eq!(answer(AUDIT_ARCH, 0x4000_0000 | number, [0; 6]), ENOSYS);
        }
    }
}
