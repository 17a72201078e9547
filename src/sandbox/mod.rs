//! Runs maintainer scripts, the one thing of a build that must run as programs.
//!
//! The tree is laid out in the store's scratch space and becomes the root of a sandbox that any user
//! can make: user, mount, process, network, IPC and host name namespaces of its own, one user id,
//! no network, no device, no file of the host. Who owns a file and who a process is, a supervisor notes
//! (`owners`, `identities`). What the scripts changed comes back as a tree of values.

mod calls;
mod credentials;
mod emulation;
mod error;
mod filter;
mod identities;
mod inside;
mod install;
mod job;
mod limits;
mod loopback;
mod made;
mod materialize;
mod memory;
mod mounts;
mod native;
mod normalize;
mod notified;
mod order;
mod outside;
mod owners;
mod packages;
mod process;
mod resolve;
mod run;
mod running;
mod scan;
mod seccomp;
mod sparse;
mod stubs;
mod supervise;
mod verify;
mod watch;

pub use error::{Ending, OutputLimit, Refusal, SandboxError, TimeLimit};
pub use inside::reenter;
pub use job::Step;
pub use native::{DPKG, EMULATOR, PACKAGES as NATIVE_PACKAGES};
pub use running::end_all;
pub use verify::{VerifyRequest, verify};

use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::event::{Event, Reporter, Stage};
use crate::store::Store;
use crate::tree::{Objects, Tree, TreePath};
use job::Job;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Packages of the host's architecture, unpacked into a tree of their own: qemu-user, and builds of
/// the programs that maintainer scripts run.
pub struct Tools {
    /// Where they lie.
    pub tree: Tree,
}

/// A .deb in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The name of its package.
    pub name: String,
    /// The file.
    pub deb: Sha256,
}

/// A tree whose packages are to be configured.
pub struct ConfigureRequest<'a> {
    /// Packages unpacked, dpkg's database in state `unpacked`.
    pub tree: &'a Tree,
    /// Packages that the tree's own dpkg unpacks before, over older versions or beside the others.
    pub archives: &'a [Archive],
    /// Where other filesystems than the root's are mounted.
    pub mounts: &'a [TreePath],
    /// Where the tree's contents lie and the new ones go.
    pub store: &'a Store,
    /// The architecture of the tree.
    pub architecture: Architecture,
    /// Needed where that is not the host's.
    pub tools: Option<&'a Tools>,
    /// The time of everything that scripts make.
    pub epoch: Epoch,
    /// Answers to debconf's questions, in the form of debconf-set-selections(1).
    pub preseed: &'a str,
    /// What scripts learn as the name of the machine.
    pub host_name: &'a str,
    /// How long one script may go on, if not as long as usual. It decides no byte.
    pub script_timeout: Option<Duration>,
    /// This program, whose `main` calls [`reenter`] first.
    pub program: &'a Path,
}

/// Changes whenever the same request gives another tree: part of the key of every memo of one.
pub const STAGE_VERSION: u32 = 9;

/// The name of a machine that has none.
pub const NAMELESS: &str = "localhost";

/// Runs the maintainer scripts of what is unpacked in the tree and gives back the configured tree.
pub fn configure(
    request: &ConfigureRequest<'_>,
    reporter: &dyn Reporter,
) -> Result<Tree, SandboxError> {
    let packages = packages::read(request.tree, request.store)?;
    let waiting = packages::unfinished(&packages).len() + request.archives.len();
    reporter.report(Event::Started {
        stage: Stage::Configure,
        total: u64::try_from(waiting).unwrap_or(0),
        bytes: false,
    });
    let install = install::Install::new(request)?;
    let steps = packages::steps(
        install.steps(),
        request.tree,
        request.store,
        request.preseed,
    )?;
    let emulation = native::plan(request)?;
    let usual = limits::timeout(emulation.is_some());
    let job = Job {
        store: request.store.root().to_path_buf(),
        epoch: request.epoch,
        steps,
        environment: environment(request.epoch, stubs::makes_initramfs(request.archives)),
        script_timeout: request.script_timeout.unwrap_or(usual),
        stubs: stubs::stubs(request)?,
        host_name: request.host_name.to_owned(),
        emulation,
        discard: false,
    };
    let tools = job.emulation.as_ref().zip(request.tools);
    let tools = tools.map(|(emulation, tools)| native::needed(&tools.tree, emulation, &packages));
    let mut listen = |line: &str| {
        if line.starts_with("Setting up ") {
            reporter.report(Event::Advanced {
                stage: Stage::Configure,
                amount: 1,
            });
        }
    };
    let (tree, store) = (install.tree(request)?, request.store);
    let mut ran = run::run(
        &job,
        &tree,
        tools.as_ref(),
        store,
        request.program,
        &mut listen,
    )?;
    install.clear(&mut ran.tree)?;
    let left = packages::unfinished(&packages::read(&ran.tree, &ran)?);
    if !left.is_empty() {
        return Err(SandboxError::Unconfigured { packages: left });
    }
    native::check(&ran.tree, &ran, request.architecture)?;
    let normal = normalize::normalized(request.tree, &ran.tree, &ran, request.epoch)?;
    ran.tree = normal;
    let configured = ran.keep()?;
    reporter.report(Event::Finished {
        stage: Stage::Configure,
        memoized: false,
    });
    Ok(configured)
}

/// What comes before `dpkg --configure -a` for what is unpacked in `tree`, where that is not run here.
pub fn preparation(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, SandboxError> {
    packages::preparation(tree, objects)
}

/// Programs to run on a tree.
pub struct RunRequest<'a> {
    /// The tree that they see as `/`.
    pub tree: &'a Tree,
    /// Where the tree's contents lie and the new ones go.
    pub store: &'a Store,
    /// This program, whose `main` calls [`reenter`] first.
    pub program: &'a Path,
    /// The time of everything that they make.
    pub epoch: Epoch,
    /// What to run, in order.
    pub steps: Vec<Step>,
    /// How long one step may go on, if not as long as usual. It decides no byte.
    pub script_timeout: Option<Duration>,
}

/// Runs `request.steps` and gives back the tree as they left it; `listen` gets every printed line.
pub fn run(request: &RunRequest<'_>, listen: &mut dyn FnMut(&str)) -> Result<Tree, SandboxError> {
    let job = Job {
        store: request.store.root().to_path_buf(),
        epoch: request.epoch,
        steps: request.steps.clone(),
        environment: environment(request.epoch, false),
        script_timeout: request.script_timeout.unwrap_or(limits::timeout(false)),
        stubs: Vec::new(),
        host_name: NAMELESS.to_owned(),
        emulation: None,
        discard: false,
    };
    let (tree, store) = (request.tree, request.store);
    run::run(&job, tree, None, store, request.program, listen)?.keep()
}

/// The whole environment of a maintainer script; whether scripts make an `initramfs`. No `TZ`: initdb writes down what it
/// says, and a device has its time zone by /etc/localtime.
fn environment(epoch: Epoch, initramfs: bool) -> BTreeMap<String, String> {
    let epoch = epoch.0.to_string();
    let fixed = [
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("HOME", "/root"),
        // Read by the kernel's hooks.
        ("INITRD", if initramfs { "Yes" } else { "No" }),
        ("LC_ALL", "C.UTF-8"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("SHELL", "/bin/sh"),
        ("SOURCE_DATE_EPOCH", &epoch),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    fixed.into_iter().map(own).collect()
}
