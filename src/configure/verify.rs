//! Runs programs of a tree that check its files. Nothing that they write is kept.

use super::error::ConfigureError;
use super::request::{ConfigureRequest, Tools};
use super::{native, package};
use crate::architecture::Architecture;
use crate::epoch::Epoch;
use crate::sandbox::error::Refusal;
use crate::sandbox::job::{Job, Step};
use crate::sandbox::{NAMELESS, environment, limits, run};
use crate::store::Store;
use crate::tree::Tree;
use std::path::Path;
use std::time::Duration;

/// Programs of a tree that are to check it.
pub struct VerifyRequest<'a> {
    /// The tree that they see as `/`. Its packages are configured.
    pub tree: &'a Tree,
    /// The store that holds the contents of the tree.
    pub store: &'a Store,
    /// The architecture of the tree.
    pub architecture: Architecture,
    /// Programs of the host's architecture, which are needed if the tree has another one.
    pub tools: Option<&'a Tools>,
    /// The time for `SOURCE_DATE_EPOCH`.
    pub epoch: Epoch,
    /// The time limit of a step, if not the usual one.
    pub script_timeout: Option<Duration>,
    /// This program, whose `main` calls [`crate::sandbox::reenter`] first.
    pub program: &'a Path,
    /// The programs to run, in order. A failure ends the run, unless it is an answer
    /// ([`Step::verdict`](crate::sandbox::Step::verdict)).
    pub steps: &'a [Step],
}

/// Runs the steps of `request` in one sandbox, and gives those that failed.
///
/// # Errors
///
/// This host allows no sandbox, or a step fails whose failure is not an answer.
pub fn verify(request: &VerifyRequest<'_>) -> Result<Vec<Refusal>, ConfigureError> {
    let VerifyRequest {
        tree,
        store,
        program,
        ..
    } = *request;
    // The host's programs stand in for those of a foreign target, as they do while packages are
    // configured.
    let configure = ConfigureRequest {
        tree,
        archives: &[],
        mounts: &[],
        store,
        architecture: request.architecture,
        tools: request.tools,
        epoch: request.epoch,
        preseed: "",
        host_name: NAMELESS,
        script_timeout: request.script_timeout,
        program,
    };
    let emulation = native::plan(&configure)?;
    let usual = limits::timeout(emulation.is_some());
    let job = Job {
        store: store.root().to_path_buf(),
        epoch: request.epoch,
        steps: request.steps.to_vec(),
        environment: environment(request.epoch, false),
        script_timeout: request.script_timeout.unwrap_or(usual),
        stubs: Vec::new(),
        host_name: NAMELESS.to_owned(),
        emulation,
        discard: true,
    };
    let packages = package::read(tree, store)?;
    let tools = job.emulation.as_ref().zip(request.tools);
    let tools = tools.map(|(emulation, tools)| native::needed(&tools.tree, emulation, &packages));
    Ok(run::refusals(&job, tree, tools.as_ref(), store, program)?)
}
