//! Asks the programs of a tree what they say of it. Nothing of what they write stays.

use super::{ConfigureRequest, native, packages};
use crate::architecture::Architecture;
use crate::epoch::Epoch;
use crate::sandbox::error::{Refusal, SandboxError};
use crate::sandbox::job::{Job, Step};
use crate::sandbox::{NAMELESS, Tools, environment, limits, run};
use crate::store::Store;
use crate::tree::Tree;
use std::path::Path;
use std::time::Duration;

/// Programs of a tree that are to give their verdict on it.
pub struct VerifyRequest<'a> {
    /// What they see as `/`; its packages are configured.
    pub tree: &'a Tree,
    /// Where the tree's contents lie.
    pub store: &'a Store,
    /// The architecture of the tree.
    pub architecture: Architecture,
    /// Needed where that is not the host's.
    pub tools: Option<&'a Tools>,
    /// The time that they are told.
    pub epoch: Epoch,
    /// How long one of the steps may go on, if not as long as usual.
    pub script_timeout: Option<Duration>,
    /// This program, whose `main` calls [`crate::sandbox::reenter`] first.
    pub program: &'a Path,
    /// What to run, in order. A failure ends the run unless the step's verdict is asked.
    pub steps: &'a [Step],
}

/// Runs the steps of `request` in one sandbox; gives those that failed.
pub fn verify(request: &VerifyRequest<'_>) -> Result<Vec<Refusal>, SandboxError> {
    let VerifyRequest {
        tree,
        store,
        program,
        ..
    } = *request;
    // The same programs stand in for those of a foreign target as while packages are configured.
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
    let packages = packages::read(tree, store)?;
    let tools = job.emulation.as_ref().zip(request.tools);
    let tools = tools.map(|(emulation, tools)| native::needed(&tools.tree, emulation, &packages));
    run::refusals(&job, tree, tools.as_ref(), store, program)
}
