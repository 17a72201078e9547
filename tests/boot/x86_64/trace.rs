//! A build writes only to its store and to its output, as strace(1) shows.

use super::{BUILT, build};
use crate::command::run;
use crate::support::{User, run_folder};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// System calls that start a process, by which its parent is known.
const BIRTHS: &str = "clone,clone3,fork,vfork";
/// System calls that nobody may make outside of a namespace of the build.
const FORBIDDEN: &str = "mount,umount2,pivot_root,chroot,move_mount,open_tree,fsopen,fsmount,setns";
/// System calls that write to a path, or can.
const WRITES: &str = "open,openat,openat2,creat,truncate,rename,renameat,renameat2,mkdir,mkdirat,\
    unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,mknod,mknodat,chmod,fchmodat,fchmodat2,chown,\
    lchown,fchownat,utimensat,setxattr,lsetxattr,removexattr,lremovexattr";

#[test]
fn x86_64_a_build_touches_nothing_but_store_and_output() {
    let user = User::first("traced");
    let store = BUILT.copy_downloads(&user);
    let log = user.home().join("strace.log");
    // Only root may look into some processes of the sandbox, so strace runs as root if it can.
    let build_command = user.command(run_folder().join("imgbuild"));
    let mut command = Command::new("strace");
    command.args([
        "--follow-forks",
        "--seccomp-bpf",
        "--decode-fds=path",
        "--string-limit=4096",
    ]);
    let names = [BIRTHS, FORBIDDEN, WRITES, "unshare,ioctl,execve,chdir"].join(",");
    // An older strace does not know the newest calls.
    command.arg(format!("--trace=?{}", names.replace(',', ",?")));
    command
        .arg("--output")
        .arg(&log)
        .arg(build_command.get_program())
        .args(build_command.get_args())
        .arg("--store")
        .arg(&store);
    command
        .env_clear()
        .current_dir(user.home())
        .stdin(Stdio::null());
    for (name, value) in build_command.get_envs() {
        command.env(name, value.expect("it is set"));
    }
    let output = user.home().join("output");
    fs_err::create_dir(&output).unwrap();
    user.own(&output);
    run(build(&mut command, &BUILT.lock, &output.join("traced.img")));
    let trace = String::from_utf8_lossy(&fs_err::read(&log).unwrap()).into_owned();
    let mut calls = calls(&trace);
    // The calls that change to the ordinary user are not part of the build.
    let program = format!("\"{}\"", run_folder().join("imgbuild").display());
    let start = calls
        .iter()
        .position(|call| call.name == "execve" && call.arguments.starts_with(&program));
    calls.drain(..start.expect("the program is started"));
    let watch = Watch::new(&calls, vec![store, output], user.home());
    let (mut offences, mut seen) = (Vec::new(), 0);
    for (index, call) in calls.iter().enumerate() {
        seen += usize::from(watch.phase(call.pid, index) == Phase::Host);
        offences.extend(watch.offence(index, call));
    }
    assert!(
        !watch.left.is_empty(),
        "no process entered a namespace of its own"
    );
    assert!(seen > 1000, "only {seen} calls were seen");
    let first = &offences[..offences.len().min(30)];
    assert!(
        offences.is_empty(),
        "{} offences, first {first:#?}",
        offences.len()
    );
    fs_err::remove_file(log).unwrap();
}

/// One line of the log.
#[derive(Debug)]
struct Call {
    pid: u32,
    name: String,
    arguments: String,
    result: String,
}

/// The calls of `trace` in the order of their ends. A call that the lines of other processes interrupt is
/// joined again.
fn calls(trace: &str) -> Vec<Call> {
    let mut unfinished = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(pid), rest) = (pid.parse::<u32>(), rest.trim_start()) else {
            continue;
        };
        let text = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, start.to_owned());
            continue;
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, end) = resumed.split_once(" resumed>").unwrap_or_default();
            unfinished.remove(&pid).unwrap_or_default() + end
        } else {
            rest.to_owned()
        };
        let Some((name, rest)) = text.split_once('(') else {
            continue;
        };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else {
            continue;
        };
        let arguments = arguments.trim_end().trim_end_matches(')');
        calls.push(Call {
            pid,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result: result.to_owned(),
        });
    }
    calls
}

/// How far a process is separated from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// It is in the host's namespaces.
    Host,
    /// It is in namespaces of its own, in which it sees the host's files.
    Namespaced,
    /// It has a root of its own.
    Moved,
}

struct Watch {
    /// Processes that were born where the host's process ids count, with their phase at birth. All others are
    /// in the sandbox, because only there calls return other ids.
    known: BTreeMap<u32, Phase>,
    /// The lines of the trace at which a process entered a later phase.
    left: Vec<(u32, usize, Phase)>,
    /// The lines of the trace at which a process changed its working directory.
    moved: Vec<(u32, usize, PathBuf)>,
    /// The parent of a process, and the line of the trace at which the process was born.
    parents: BTreeMap<u32, (u32, usize)>,
    /// Folders that may be written to.
    allowed: Vec<PathBuf>,
    home: PathBuf,
}

impl Watch {
    fn new(calls: &[Call], allowed: Vec<PathBuf>, home: &Path) -> Self {
        let mut watch = Self {
            known: BTreeMap::new(),
            left: Vec::new(),
            moved: Vec::new(),
            parents: BTreeMap::new(),
            allowed,
            home: home.to_owned(),
        };
        watch.known.insert(calls[0].pid, Phase::Host);
        for (index, call) in calls.iter().enumerate() {
            match call.name.as_str() {
                "unshare" if call.arguments.contains("CLONE_NEWUSER") && call.result == "0" => {
                    watch.left.push((call.pid, index, Phase::Namespaced));
                }
                "chdir" if call.result == "0" => {
                    let folder = PathBuf::from(call.arguments.trim_matches('"'));
                    watch.moved.push((call.pid, index, folder));
                }
                "pivot_root" if call.result == "0" => {
                    watch.left.push((call.pid, index, Phase::Moved))
                }
                _ => {}
            }
        }
        // A child may make calls, and have children, before the line of its birth.
        let mut n_known = 0;
        while n_known != watch.known.len() {
            n_known = watch.known.len();
            for (index, call) in calls.iter().enumerate() {
                let phase = watch.phase(call.pid, index);
                let birth =
                    BIRTHS.split(',').any(|name| name == call.name) && phase != Phase::Moved;
                if let (true, Ok(child)) = (birth, call.result.parse()) {
                    watch.known.entry(child).or_insert(phase);
                    watch.parents.entry(child).or_insert((call.pid, index));
                }
            }
        }
        watch
    }

    /// The phase of process `pid` at line `index` of the trace.
    fn phase(&self, pid: u32, index: usize) -> Phase {
        let Some(&born) = self.known.get(&pid) else {
            return Phase::Moved;
        };
        let left = self
            .left
            .iter()
            .filter(|(who, at, _)| *who == pid && *at < index);
        left.map(|(_, _, phase)| *phase).max().unwrap_or(born)
    }

    /// The offence in `call`, line `index`, if it is one.
    fn offence(&self, index: usize, call: &Call) -> Option<String> {
        let phase = self.phase(call.pid, index);
        let is_in = |names: &str| names.split(',').any(|name| name == call.name);
        let wrong = match call.name.as_str() {
            _ if phase == Phase::Moved => false,
            "unshare" => false,
            // The program starts only itself; `sudo` or `mount` would show here.
            "execve" => {
                let program = call.arguments.split(", ").next().unwrap_or_default();
                !program.ends_with("/imgbuild\"") && program != "\"/proc/self/exe\""
            }
            "ioctl" => call.arguments.contains("LOOP_"),
            _ if is_in(FORBIDDEN) => phase == Phase::Host,
            name if name.starts_with("open") && !opens_for_writing(&call.arguments) => false,
            // A refused call changed nothing, but was an attempt.
            _ if is_in(WRITES) => !self
                .written(index, call)
                .iter()
                .all(|path| self.may_write(path)),
            _ => false,
        };
        wrong.then(|| {
            format!(
                "{} {}({}) = {}",
                call.pid, call.name, call.arguments, call.result
            )
        })
    }

    /// The paths in `call`, which are strings. A relative one is below the folder before it.
    fn written(&self, index: usize, call: &Call) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut folder = self.folder(call.pid, index);
        for argument in call.arguments.split(", ") {
            if let Some((_, path)) = argument.split_once('<') {
                folder = PathBuf::from(path.trim_end_matches('>'));
            } else if let Some(path) = argument.strip_prefix('"') {
                paths.push(normal(&folder.join(path.trim_end_matches('"'))));
            }
        }
        // The target of a link is not written to.
        if call.name.contains("link") && !call.name.starts_with("un") {
            // A process into which only root may look has no such string.
            paths.drain(..1.min(paths.len()));
        }
        paths
    }

    /// The working directory of process `pid` at line `index`: the one of its last change, or else its
    /// parent's at its birth.
    fn folder(&self, pid: u32, index: usize) -> PathBuf {
        let mut moved = self.moved.iter().rev();
        let moved = moved.find(|(who, at, _)| *who == pid && *at < index);
        match (moved, self.parents.get(&pid)) {
            (Some((_, at, folder)), _) if folder.is_relative() => {
                self.folder(pid, *at).join(folder)
            }
            (Some((_, _, folder)), _) => folder.clone(),
            (None, Some((parent, born))) => self.folder(*parent, *born),
            (None, None) => self.home.clone(),
        }
    }

    fn may_write(&self, path: &Path) -> bool {
        path == Path::new("/dev/null")
            // A script sets its own value, so that the kernel ends it first when memory is short.
            || path == Path::new("/proc/self/oom_score_adj")
            || self.says_who_one_is(path)
            || self.allowed.iter().any(|folder| path.starts_with(folder))
    }
}

impl Watch {
    /// Whether `path` is the id map of a process of the build.
    fn says_who_one_is(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        let words: Vec<&str> = text.trim_start_matches('/').split('/').collect();
        let [proc, pid, name] = words[..] else {
            return false;
        };
        let of_build = pid.parse().is_ok_and(|pid| self.known.contains_key(&pid));
        proc == "proc" && of_build && ["setgroups", "uid_map", "gid_map"].contains(&name)
    }
}

fn opens_for_writing(arguments: &str) -> bool {
    ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
        .iter()
        .any(|flag| arguments.contains(flag))
}

/// `path` without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}
