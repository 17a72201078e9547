//! The root filesystem of configured packages, and beside it the trees of file packages and of
//! tools.

use super::context::BuildContext;
use super::error::SystemError;
use super::fetch;
use super::host_name::{self, Configured};
use super::remembered_tree;
use crate::architecture::Architecture;
use crate::compose::layer::Layer;
use crate::compose::named;
use crate::configure::{self, ConfigureRequest, Tools};
use crate::digest::Hasher;
use crate::dpkg::unpack;
use crate::event::{Event, Stage, Work};
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::tree::{Origin, Tree};

/// Changes whenever the same packages give another configured tree.
const CONFIGURED: &str = "configured-1";

/// Changes whenever the same packages give another tree of unpacked files.
const FILE_PACKAGES: &str = "file-packages-1";

/// The tree of all packages of `plan`, configured.
pub(crate) fn configured(plan: &Plan, context: &BuildContext<'_>) -> Result<Tree, SystemError> {
    let store = context.store;
    let architecture = plan.spec.board.architecture;
    let preseed = configure::debconf_answers(&plan.spec.system);
    let mut key = key(plan, &plan.lock.packages);
    key.field(&configure::STAGE_VERSION.to_le_bytes());
    key.field(preseed.as_bytes());
    let known = Configured::new(CONFIGURED, key, plan);
    if let Some(tree) = known.recall(store)? {
        for stage in [Stage::Unpack, Stage::Configure] {
            context.reporter.report(Event::Started {
                stage,
                work: Work::Uncounted,
            });
            context.reporter.report(Event::Finished {
                stage,
                memoized: true,
            });
        }
        return Ok(tree);
    }
    let host = Architecture::host().ok_or(SystemError::UnknownHost)?;
    let needed: Vec<&LockedPackage> = plan.lock.inputs(Some(host)).collect();
    fetch::fetch(&needed, context)?;
    let mut unpacked = unpack(&plan.lock.packages, architecture, plan, context)?;
    // What is known now is said before scripts take their minutes; `compose` sees the accounts as
    // well.
    let layer = Layer::new(&mut unpacked, store, plan.epoch(), Origin::Builtin);
    named::check(&layer, &named::names(plan, &plan.spec.system))?;
    let tools = tools(plan, host, context)?;
    store.prove(unpacked.objects())?;
    known.make(context, &|name| {
        let request = ConfigureRequest {
            tree: &host_name::called(&unpacked, name, plan, context)?,
            archives: &[],
            mounts: &[],
            store,
            architecture,
            tools: tools.as_ref(),
            epoch: plan.epoch(),
            preseed: &preseed,
            host_name: name,
            script_timeout: context.script_timeout,
            program: context.program,
        };
        Ok(configure::configure(&request, context.reporter)?)
    })
}

/// The tree of the packages whose files serve as blobs of the board; none of them is configured.
pub(crate) fn file_packages(plan: &Plan, context: &BuildContext<'_>) -> Result<Tree, SystemError> {
    let store = context.store;
    let key = key(plan, &plan.lock.file_packages).finish();
    if let Some(tree) = remembered_tree::recall(FILE_PACKAGES, &key, store)? {
        return Ok(tree);
    }
    let needed: Vec<&LockedPackage> = plan.lock.file_packages.iter().collect();
    fetch::fetch(&needed, context)?;
    let architecture = plan.spec.board.architecture;
    let file_packages = unpack(&plan.lock.file_packages, architecture, plan, context)?;
    remembered_tree::remember(FILE_PACKAGES, &key, &file_packages, store)?;
    Ok(file_packages)
}

/// The tools of `plan` that run in the sandbox on a machine of architecture `host`; they were
/// fetched before.
pub(crate) fn tools(
    plan: &Plan,
    host: Architecture,
    context: &BuildContext<'_>,
) -> Result<Option<Tools>, SystemError> {
    let locked = plan.lock.tools.get(&host).map_or(&[][..], Vec::as_slice);
    if locked.is_empty() {
        return Ok(None);
    }
    let tree = unpack(locked, host, plan, context)?;
    Ok(Some(Tools { tree }))
}

/// The same, fetched now.
pub(crate) fn fetched_tools(
    plan: &Plan,
    context: &BuildContext<'_>,
) -> Result<Option<Tools>, SystemError> {
    let host = Architecture::host().ok_or(SystemError::UnknownHost)?;
    let locked = plan.lock.tools.get(&host).map_or(&[][..], Vec::as_slice);
    fetch::fetch(&locked.iter().collect::<Vec<&LockedPackage>>(), context)?;
    tools(plan, host, context)
}

fn unpack(
    packages: &[LockedPackage],
    architecture: Architecture,
    plan: &Plan,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    let (store, reporter) = (context.store, context.reporter);
    Ok(unpack::unpack(
        packages,
        store,
        architecture,
        plan.epoch(),
        reporter,
    )?)
}

/// `tree` with the packages of `plan`, none of which it has yet.
pub(crate) fn unpack_onto(
    tree: Tree,
    plan: &Plan,
    context: &BuildContext<'_>,
) -> Result<Tree, SystemError> {
    Ok(unpack::unpack_onto(
        tree,
        &plan.lock.packages,
        context.store,
        plan.spec.board.architecture,
        plan.epoch(),
        context.reporter,
    )?)
}

/// Everything that decides the tree of `packages`: not the profile's files, which come later.
pub(crate) fn key(plan: &Plan, packages: &[LockedPackage]) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.field(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.field(plan.spec.board.architecture.debian().as_bytes());
    hasher.field(&plan.epoch().0.to_le_bytes());
    for package in packages {
        hasher.field(&package.sha256.0);
        hasher.field(&[u8::from(package.automatic)]);
    }
    hasher
}
