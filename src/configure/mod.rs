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

pub use debconf::answers as debconf_answers;
pub use error::ConfigureError;
pub use native::{DPKG, EMULATOR, PACKAGES as NATIVE_PACKAGES};
pub use request::{Archive, ConfigureRequest};
pub use steps::preparation;

use crate::event::{Event, Reporter, Stage, Work};
use crate::sandbox::job::Job;
use crate::sandbox::{Refusal, Step, environment, limits, run};
use crate::tree::Tree;
use package::Package;

/// The version of this stage, which is a part of the key of every memo of it. It must change
/// whenever the same request gives another tree.
pub const STAGE_VERSION: u32 = 10;

/// Runs the maintainer scripts of the unpacked packages and gives back the configured tree.
///
/// # Errors
///
/// This host allows no sandbox, a script or dpkg fails, or the tree or the store cannot be read.
pub fn configure(
    request: &ConfigureRequest<'_>,
    reporter: &dyn Reporter,
) -> Result<Tree, ConfigureError> {
    let store = request.store;
    let packages = package::read(request.tree, store)?;
    let waiting = package::unfinished(&packages).len() + request.archives.len();
    let work = Work::Packages(u64::try_from(waiting).unwrap_or(0));
    reporter.started(Stage::Configure, work);
    let install = install::steps(request)?;
    let steps = steps::steps(install, request.tree, store, request.preseed)?;
    let (mut job, tools) = job(request, &packages, steps)?;
    job.stubs = stubs::stubs(request)?;
    let mut listen = |line: &str| {
        if line.starts_with("Setting up ") {
            reporter.report(Event::Advanced {
                stage: Stage::Configure,
                amount: 1,
            });
        }
    };
    let tree = install::tree(request)?;
    let (tools, program) = (tools.as_ref(), request.program);
    let finished = run::run(&job, &tree, tools, store, program, &mut listen)?;
    let mut output = finished.output()?;
    install::clear(request, &mut output.tree)?;
    let left = package::unfinished(&package::read(&output.tree, &output)?);
    if !left.is_empty() {
        return Err(ConfigureError::Unconfigured { packages: left });
    }
    native::check(&output.tree, &output, request.architecture)?;
    output.tree = normalize::normalized(request.tree, &output.tree, &output, request.epoch)?;
    let configured = output.keep()?;
    reporter.finished(Stage::Configure, false);
    Ok(configured)
}

/// Runs `steps` in one sandbox on the tree of `request`, whose packages are configured, and gives
/// those that failed. Everything that they write is discarded.
///
/// # Errors
///
/// This host allows no sandbox, or a step fails whose failure is not an answer
/// ([`Step::verdict`]).
pub fn verify(
    request: &ConfigureRequest<'_>,
    steps: Vec<Step>,
) -> Result<Vec<Refusal>, ConfigureError> {
    // The host's programs stand in for those of a foreign target, as they do while packages are
    // configured.
    let packages = package::read(request.tree, request.store)?;
    let (mut job, tools) = job(request, &packages, steps)?;
    job.discard = true;
    let ConfigureRequest {
        tree,
        store,
        program,
        ..
    } = request;
    let finished = run::run(&job, tree, tools.as_ref(), store, program, &mut |_| {})?;
    Ok(finished.refusals)
}

/// The job that runs `steps` on the tree of `request`, which holds `packages`, and the tools that
/// the sandbox needs for them.
fn job(
    request: &ConfigureRequest<'_>,
    packages: &[Package],
    steps: Vec<Step>,
) -> Result<(Job, Option<Tree>), ConfigureError> {
    let emulation = native::plan(request)?;
    let usual = limits::timeout(emulation.is_some());
    let tools = emulation.as_ref().zip(request.tools);
    let tools = tools.map(|(emulation, tools)| native::needed(tools, emulation, packages));
    let job = Job {
        store: request.store.root().to_path_buf(),
        epoch: request.epoch,
        steps,
        environment: environment(request.epoch, stubs::makes_initramfs(request.archives)),
        script_timeout: request.script_timeout.unwrap_or(usual),
        stubs: Vec::new(),
        host_name: request.host_name.to_owned(),
        emulation,
        discard: false,
    };
    Ok((job, tools))
}
