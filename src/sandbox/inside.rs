//! The processes of a sandbox: this program, started again and forked twice.
//!
//! The outer process stays outside the sandbox and hands in the files that the others ask for (see
//! `outside`). The middle one makes the namespaces. The inner one is process 1 of the new process
//! namespace: it writes the tree to disk, moves into it, runs the steps and reads the tree back.
//! When process 1 ends, for whatever reason, the kernel ends every process of the sandbox.
//!
//! The inner process holds nothing that leads out: it inherits no descriptor but its standard input
//! and output, no keyring, and no argument that names a folder of the host.

use super::emulation;
use super::error::{Area, Doing, Failure, Outcome, Refusal};
use super::job::{self, Job, Scratch};
use super::limits;
use super::loopback;
use super::materialize;
use super::mounts::{self, Mounts};
use super::outside::{self, Outside};
use super::owners::Owners;
use super::process::{self, Side};
use super::resolve::Resolver;
use super::scan::Scan;
use super::supervise::{self, Ended};
use crate::tree::{self, Tree};
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Pid, Resource, Signal, WaitOptions, WaitStatus};
use rustix::thread::{Gid, Uid, UnshareFlags};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// The first argument of this program when it is started as a sandbox.
pub(super) const STAGE: &str = "--imgbuild-sandbox-stage";

/// Runs a sandbox if `arguments` say that this process was started as one; otherwise gives `None`.
/// The working directory is the scratch folder.
pub fn reenter(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let _program = arguments.next()?;
    if arguments.next()? != STAGE {
        return None;
    }
    let parent: u32 = arguments.next()?.to_str()?.parse().ok()?;
    Some(match outer(parent) {
        Ok(code) => code,
        Err(error) => {
            // imgbuild shows this output when a sandbox ends without a report.
            let _ = writeln!(io::stderr(), "sandbox: {error}");
            ExitCode::from(70)
        }
    })
}

/// Starts the middle process and answers its requests until all processes of the sandbox have
/// ended.
fn outer(parent: u32) -> io::Result<ExitCode> {
    process::leave_keyring()?;
    process::close_inherited()?;
    limits::be_first_to_go();
    die_with(parent)?;
    let job: Job = serde_json::from_slice(&fs_err::read(Scratch::here().file(job::JOB))?)?;
    let (outside, server) = outside::pair()?;
    let this = std::process::id();
    match process::fork()? {
        Side::Child => {
            drop(server);
            middle(this, &job, &outside)
        }
        Side::Parent(middle) => {
            drop(outside);
            server.serve(middle, &job.store)?;
            wait(middle)
        }
    }
}

/// Makes the namespaces, starts the inner process in them and waits for it.
fn middle(parent: u32, job: &Job, outside: &Outside) -> io::Result<ExitCode> {
    if let Err(error) = enter_namespaces(outside) {
        let failure = Failure {
            area: Area::Namespace,
            doing: "make the namespaces".to_owned(),
            errno: error.raw_os_error().unwrap_or(libc::EPERM),
        };
        report(outside, &Outcome::Failure(failure))?;
        return Ok(ExitCode::FAILURE);
    }
    // This follows the change of user, which would clear it.
    die_with(parent)?;
    match process::fork()? {
        Side::Child => inner(job, outside),
        Side::Parent(inner) => {
            supervise::end_with_stdin(inner)?;
            wait(inner)
        }
    }
}

/// Moves this process into new namespaces and makes it their only user. The first process of the
/// new process namespace is still to be started.
fn enter_namespaces(outside: &Outside) -> io::Result<()> {
    let namespaces = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    // The supplementary groups are dropped, because root's groups would open root's files. A
    // process that may not drop them is not root.
    match rustix::thread::set_thread_groups(&[]) {
        Ok(()) | Err(rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    process::unshare(namespaces)?;
    outside.map_ids()?;
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
    Ok(())
}

/// Makes the kernel kill this process when `parent` dies. `parent` may have died already.
fn die_with(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    match now == Some(parent) {
        true => Ok(()),
        false => Err(io::Error::other("the process that asked for this ended")),
    }
}

fn wait(child: Pid) -> io::Result<ExitCode> {
    loop {
        match rustix::process::waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                return Ok(match WaitStatus::exit_status(status) {
                    Some(0) => ExitCode::SUCCESS,
                    _ => ExitCode::FAILURE,
                });
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn inner(job: &Job, outside: &Outside) -> io::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let outcome = work(job, outside).unwrap_or_else(Outcome::Failure);
    report(outside, &outcome)?;
    Ok(ExitCode::SUCCESS)
}

fn report(outside: &Outside, outcome: &Outcome) -> io::Result<()> {
    let mut file = outside.create(job::OUTCOME)?;
    file.write_all(&serde_json::to_vec(outcome)?)
}

/// Does the whole work of the inner process, from the job to the result.
fn work(job: &Job, outside: &Outside) -> Result<Outcome, Failure> {
    isolate(&job.host_name)?;
    // The supervisor needs a descriptor for every file that does not belong to root.
    limits::raise(Resource::Nofile).doing(|| "raise the limit of open files".to_owned())?;
    let scratch = Scratch::here();
    let mut tree = read_tree(outside, job::TREE)?;
    let hidden = mounts::add_mount_points(&mut tree, job.added_files(), job.added_folders());
    let started = outside
        .read(job::JOB)
        .and_then(|job| job.metadata())
        .map(|job| std::os::unix::fs::MetadataExt::mtime(&job))
        .doing(|| "read the clock".to_owned())?;
    let mut mounts = Mounts::of_root(&scratch)?;
    let mut owners = Owners::default();
    let written = materialize::materialize(&tree, &scratch.root(), outside, &mut owners)?;
    mounts.fill(&scratch, &tree, &job.stubs)?;
    let prepare = |emulation| {
        let tools = read_tree(outside, job::TOOLS)?;
        emulation::prepare(emulation, [&tools, &tree], &mut mounts, outside)
    };
    let _registration = job.emulation.as_ref().map(prepare).transpose()?;
    Mounts::pivot(&scratch.root())?;
    let resolver = Resolver::new(&mounts::OWN);
    owners.enter(resolver.doing(|| "find the mounts of the tree (Linux 5.9)".to_owned())?);
    let mut refusals = Vec::new();
    for (index, step) in job.steps.iter().enumerate() {
        let Ended { ending, output } = supervise::run(step, job, &mut owners)?;
        match ending {
            None => {}
            Some(ending) if step.verdict => refusals.push(Refusal {
                index,
                ending,
                output,
            }),
            Some(ending) => return Ok(Outcome::Step { index, ending }),
        }
    }
    if job.discard {
        return Ok(Outcome::Done { refusals });
    }
    mounts.leave()?;
    let scan = Scan {
        before: &tree,
        written: &written,
        owners: &owners,
        objects: outside,
        hidden: &hidden,
        started,
        epoch: job.epoch,
    };
    read_back(&scan, outside)?;
    Ok(Outcome::Done { refusals })
}

/// Isolates this process: it has no terminal, not the name of the host, and no other process can
/// inspect it.
fn isolate(host_name: &str) -> Result<(), Failure> {
    let doing = || "isolate the sandbox".to_owned();
    rustix::process::setsid().doing(doing)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Some containers have filters that allow the namespaces and refuse these calls.
    rustix::system::sethostname(host_name.as_bytes())
        .and_then(|()| rustix::system::setdomainname(b"(none)"))
        .doing(doing)
        .map_err(|failure| failure.about(Area::Namespace))?;
    loopback::switch_on().doing(doing)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).doing(doing)
}

fn read_tree(outside: &Outside, name: &str) -> Result<Tree, Failure> {
    let doing = || format!("read the {name}");
    let mut text = String::new();
    let mut file = outside.read(name).doing(doing)?;
    file.read_to_string(&mut text).doing(doing)?;
    tree::parse_dump(&text)
        .map_err(io::Error::other)
        .doing(doing)
}

fn read_back(scan: &Scan<'_>, outside: &Outside) -> Result<(), Failure> {
    let doing = || "write the result".to_owned();
    let bundle = io::BufWriter::new(outside.create(job::BUNDLE).doing(doing)?);
    let (tree, object) = scan.read(std::path::Path::new("/"), bundle)?;
    let mut file = outside.create(job::RESULT).doing(doing)?;
    writeln!(file, "{object}").doing(doing)?;
    file.write_all(tree::dump(&tree).as_bytes()).doing(doing)
}
