//! Configures packages as dpkg does after unpacking, by running their own maintainer scripts.
//!
//! This module decides which scripts run, in which order, which programs of the host stand in for
//! those of the image, and which parts of the result are removed because they differ from run to
//! run. The [`sandbox`](crate::sandbox) runs the scripts.

mod debconf;
mod error;
mod install;
mod native;
mod normalize;
mod order;
mod package;
mod request;
mod steps;
mod stubs;
mod verify;

pub use debconf::answers as debconf_answers;
pub use error::ConfigureError;
pub use native::{DPKG, EMULATOR, PACKAGES as NATIVE_PACKAGES};
pub use request::{Archive, ConfigureRequest, Tools};
pub use verify::{VerifyRequest, verify};

use crate::event::{Event, Reporter, Stage, Work};
use crate::sandbox::job::Job;
use crate::sandbox::{Step, environment, limits, run};
use crate::tree::{Objects, Tree};

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
) -> Result<Tree, ConfigureError> {
    let packages = package::read(request.tree, request.store)?;
    let waiting = package::unfinished(&packages).len() + request.archives.len();
    reporter.report(Event::Started {
        stage: Stage::Configure,
        work: Work::Packages(u64::try_from(waiting).unwrap_or(0)),
    });
    let install = install::Install::new(request)?;
    let steps = steps::steps(
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
    let left = package::unfinished(&package::read(&ran.tree, &ran)?);
    if !left.is_empty() {
        return Err(ConfigureError::Unconfigured { packages: left });
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
pub fn preparation(tree: &Tree, objects: &dyn Objects) -> Result<Vec<Step>, ConfigureError> {
    steps::preparation(tree, objects)
}
