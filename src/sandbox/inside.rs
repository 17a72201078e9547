//! The two processes of a sandbox, which are this program started again.
//!
//! The outer one makes the namespaces; the inner one is process 1 of the new process namespace:
//! it lays the tree out, moves into it, runs the steps and reads the tree back. When process 1
//! ends, for whatever reason, the kernel ends every process of the sandbox.

use super::emulation;
use super::error::{Area, Doing, Ending, Outcome, Trouble};
use super::job::{self, Job, Scratch};
use super::materialize;
use super::mounts::{self, Mounts};
use super::owners::Owners;
use super::scan::Scan;
use super::{seccomp, supervise};
use crate::digest::Sha256;
use crate::tree::{self, Objects, Tree};
use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use rustix::thread::UnshareFlags;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The first argument of this program when it is started as a part of a sandbox.
pub(super) const STAGE: &str = "--imgbuild-sandbox-stage";

/// Does the work of a sandbox process if `arguments` say that this is one.
pub fn reenter(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let _program = arguments.next()?;
    if arguments.next()? != STAGE {
        return None;
    }
    let stage = arguments.next()?;
    let scratch = Scratch(PathBuf::from(arguments.next()?));
    let parent: u32 = arguments.next()?.to_str()?.parse().ok()?;
    let result = match stage.to_str()? {
        "outer" => outer(&scratch, parent),
        _ => inner(&scratch),
    };
    Some(match result {
        Ok(code) => code,
        Err(error) => {
            // Where this leads is what imgbuild shows when a sandbox ends without a report.
            let _ = writeln!(io::stderr(), "sandbox: {error}");
            ExitCode::from(70)
        }
    })
}

/// Makes the namespaces, starts the inner process in them and waits for it.
fn outer(scratch: &Scratch, parent: u32) -> io::Result<ExitCode> {
    let namespaces = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let made = seccomp::unshare(namespaces).and_then(|()| {
        fs_err::write("/proc/self/setgroups", "deny")?;
        fs_err::write("/proc/self/uid_map", format!("0 {} 1", uid.as_raw()))?;
        fs_err::write("/proc/self/gid_map", format!("0 {} 1", gid.as_raw()))
    });
    if let Err(error) = made {
        let trouble = Trouble {
            area: Area::Namespace,
            doing: "make the namespaces".to_owned(),
            errno: error.raw_os_error().unwrap_or(libc::EPERM),
        };
        let outcome = serde_json::to_vec(&Outcome::Trouble(trouble))?;
        fs_err::write(scratch.outcome(), outcome)?;
        return Ok(ExitCode::FAILURE);
    }
    // After the change of namespace, which clears it. The parent may have died before.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let still = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    if still != Some(parent) {
        return Ok(ExitCode::FAILURE);
    }
    let status = Command::new("/proc/self/exe")
        .args([STAGE, "inner"])
        .arg(scratch.path())
        .arg("0")
        .env_clear()
        .status()?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What process 1 keeps of the host while it lives in the tree.
struct Outside {
    scratch: OwnedFd,
    objects: HeldObjects,
}

fn inner(scratch: &Scratch) -> io::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let folder = open_folder(scratch.path().to_path_buf())?;
    let outcome = match work(scratch) {
        Ok(None) => Outcome::Done,
        Ok(Some((index, ending))) => Outcome::Step { index, ending },
        Err(trouble) => Outcome::Trouble(trouble),
    };
    let mut file = create(&folder, job::OUTCOME)?;
    file.write_all(&serde_json::to_vec(&outcome)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything, from the job to the result; `Some` names the step that failed.
fn work(scratch: &Scratch) -> Result<Option<(usize, Ending)>, Trouble> {
    let job = fs_err::read(scratch.job()).doing(|| "read the job".to_owned())?;
    let job: Job = serde_json::from_slice(&job)
        .map_err(io::Error::from)
        .doing(|| "read the job".to_owned())?;
    isolate()?;
    let mut tree = read_tree(scratch.tree())?;
    let hidden = mounts::add_mount_points(&mut tree, job.added_files(), job.added_folders());
    let outside = Outside {
        scratch: open_folder(scratch.path().to_path_buf())
            .doing(|| "open the scratch folder".to_owned())?,
        objects: HeldObjects::open(&job).doing(|| "open the store".to_owned())?,
    };
    let mut owners = Owners::default();
    let laid = materialize::materialize(&tree, &scratch.root(), &outside.objects, &mut owners)?;
    let started = fs_err::metadata(scratch.job())
        .map(|job| std::os::unix::fs::MetadataExt::mtime(&job))
        .doing(|| "read the clock".to_owned())?;
    let mut mounts = Mounts::enter(scratch, &tree, &job.stubs)?;
    let prepare =
        |emulation| emulation::prepare(emulation, scratch, &tree, &mut mounts, &outside.objects);
    let _registration = job.emulation.as_ref().map(prepare).transpose()?;
    Mounts::pivot(&scratch.root())?;
    limit()?;
    for (index, step) in job.steps.iter().enumerate() {
        if let Some(ending) = supervise::run(step, &job.environment, &mut owners)? {
            return Ok(Some((index, ending)));
        }
    }
    mounts.leave()?;
    let scan = Scan {
        before: &tree,
        laid: &laid,
        owners: &owners,
        objects: &outside.objects,
        hidden: &hidden,
        started,
        epoch: job.epoch,
    };
    read_back(&scan, &outside.scratch)?;
    Ok(None)
}

/// Makes this process alone: no terminal, no name of the host, nobody who can look into it.
fn isolate() -> Result<(), Trouble> {
    let doing = || "isolate the sandbox".to_owned();
    rustix::process::setsid().doing(doing)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::system::sethostname(b"localhost").doing(doing)?;
    rustix::system::setdomainname(b"(none)").doing(doing)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).doing(doing)
}

/// Limits of what runs in the sandbox, the same on every host. The supervisor needs a descriptor
/// for every file that does not belong to root.
fn limit() -> Result<(), Trouble> {
    let files = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    rustix::process::setrlimit(Resource::Nofile, raised)
        .doing(|| "raise the limit of open files".to_owned())
}

fn read_tree(path: PathBuf) -> Result<Tree, Trouble> {
    let doing = || "read the tree".to_owned();
    let text = fs_err::read_to_string(path).doing(doing)?;
    tree::parse_dump(&text)
        .map_err(io::Error::other)
        .doing(doing)
}

fn read_back(scan: &Scan<'_>, scratch: &OwnedFd) -> Result<(), Trouble> {
    let doing = || "write the result".to_owned();
    let bundle = io::BufWriter::new(create(scratch, job::BUNDLE).doing(doing)?);
    let (tree, object) = scan.read(std::path::Path::new("/"), bundle)?;
    let mut file = create(scratch, job::RESULT).doing(doing)?;
    writeln!(file, "{object}").doing(doing)?;
    file.write_all(tree::dump(&tree).as_bytes()).doing(doing)
}

fn create(folder: &OwnedFd, name: &str) -> io::Result<fs_err::File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(fs_err::File::from_parts(file.into(), name))
}

fn open_folder(path: PathBuf) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// The objects of the store, reachable after the move into the tree.
struct HeldObjects(OwnedFd);

impl HeldObjects {
    fn open(job: &Job) -> io::Result<Self> {
        open_folder(job.store.join("objects")).map(Self)
    }
}

impl Objects for HeldObjects {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        let name = digest.to_string();
        let path = PathBuf::from(&name[..2]).join(&name[2..]);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, &path, flags, Mode::empty())?;
        Ok(fs_err::File::from_parts(file.into(), path))
    }
}
