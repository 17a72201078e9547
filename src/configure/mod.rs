//! Configures packages: what dpkg does after unpacking, by the maintainer scripts of the packages themselves.
//!
//! Which scripts run, in which order, with which programs of the host in the place of the image's own, and
//! what of their result differs from run to run, is decided here; the [`sandbox`] runs them.

mod debconf;
mod install;
mod native;
mod normalize;
mod order;
mod packages;
mod stubs;
mod verify;

pub use debconf::answers as debconf_answers;
pub use native::{DPKG, EMULATOR, PACKAGES as NATIVE_PACKAGES};
pub use verify::{VerifyRequest, verify};

use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::event::{Event, Reporter, Stage, Work};
use crate::sandbox::job::Job;
use crate::sandbox::{SandboxError, Step, Tools, environment, limits, run};
use crate::store::Store;
use crate::tree::{Objects, Tree, TreePath};
use std::path::Path;
use std::time::Duration;

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

/// Runs the maintainer scripts of what is unpacked in the tree and gives back the configured tree.
pub fn configure(
    request: &ConfigureRequest<'_>,
    reporter: &dyn Reporter,
) -> Result<Tree, SandboxError> {
    let packages = packages::read(request.tree, request.store)?;
    let waiting = packages::unfinished(&packages).len() + request.archives.len();
    reporter.report(Event::Started {
        stage: Stage::Configure,
        work: Work::Packages(u64::try_from(waiting).unwrap_or(0)),
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
