//! Configures packages as dpkg does after unpacking, by running their own maintainer scripts.
//!
//! This module decides which scripts run, in which order, which programs of the host stand in for
//! those of the image, and which parts of the result are removed because they differ from run to
//! run. The [`sandbox`] runs the scripts.

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
    /// The digest of the .deb.
    pub deb: Sha256,
}

/// A tree whose packages are to be configured.
pub struct ConfigureRequest<'a> {
    /// The tree with its packages unpacked, which are in state `unpacked` in dpkg's database.
    pub tree: &'a Tree,
    /// Packages that the tree's own dpkg unpacks first, over older versions or beside the other
    /// packages.
    pub archives: &'a [Archive],
    /// The mount points of the filesystems beside the root's.
    pub mounts: &'a [TreePath],
    /// The store that holds the contents of the tree and takes the new ones.
    pub store: &'a Store,
    /// The architecture of the tree.
    pub architecture: Architecture,
    /// Programs of the host's architecture, which are needed if the tree has another one.
    pub tools: Option<&'a Tools>,
    /// The time of all files that scripts make.
    pub epoch: Epoch,
    /// Answers to debconf's questions, in the form of debconf-set-selections(1).
    pub preseed: &'a str,
    /// The host name that scripts see.
    pub host_name: &'a str,
    /// The time limit of one script, if not the usual one. It has no influence on the result.
    pub script_timeout: Option<Duration>,
    /// This program, whose `main` calls [`reenter`] first.
    pub program: &'a Path,
}

/// The version of this stage, which is a part of the key of every memo of it. It must change
/// whenever the same request gives another tree.
pub const STAGE_VERSION: u32 = 9;

/// Runs the maintainer scripts of the unpacked packages and gives back the configured tree.
///
/// # Errors
///
/// This host allows no sandbox, a script or dpkg fails, or the tree or the store cannot be read.
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

/// The steps that must come before `dpkg --configure -a` for the unpacked packages of `tree`, if
/// that is not run here but on the device.
///
/// # Errors
///
/// The tree's dpkg database cannot be read.
pub fn preparation(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, SandboxError> {
    packages::preparation(tree, objects)
}
