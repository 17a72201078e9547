//! The root filesystem of configured packages, and the trees of file packages and of tools.

use super::context::BuildContext;
use super::error::SystemError;
use super::fetch;
use super::host_name::{Configured, Input};
use super::remembered_tree;
use crate::architecture::Architecture;
use crate::compose::layer::Layer;
use crate::compose::named;
use crate::digest::Hasher;
use crate::dpkg::unpack;
use crate::event::Stage;
use crate::lock::LockedPackage;
use crate::plan::Plan;
use crate::tree::{Origin, Tree};

/// The stage of the memo of configured packages. It must change whenever the same packages give another tree.
const CONFIGURED: &str = "configured-2";

/// The stage of the memo of file packages. It must change whenever the same packages give another tree.
const FILE_PACKAGES: &str = "file-packages-2";

/// The tree of all packages of `plan`, configured.
///
/// # Errors
///
/// A package cannot be fetched or unpacked, a setting names what no package has, or a script fails.
pub(super) fn configured(plan: &Plan, context: &BuildContext<'_>) -> Result<Tree, SystemError> {
    let store = context.store;
    let architecture = plan.spec.board.architecture;
    let configured = Configured::new(CONFIGURED, key(plan, &plan.lock.packages), plan);
    if let Some(tree) = configured.recall(&[Stage::Unpack, Stage::Configure], context)? {
        return Ok(tree);
    }
    fetch_inputs(plan, context)?;
    let mut unpacked = unpack(&plan.lock.packages, architecture, plan, context)?;
    // Names are checked before scripts run for minutes, except those of accounts, which `compose` checks.
    let layer = Layer::new(&mut unpacked, store, plan.epoch(), Origin::Builtin);
    named::check(&layer, &named::names(plan, &plan.spec.system))?;
    let tools = tools(plan, context)?;
    store.prove(unpacked.objects())?;
    let input = Input {
        tree: &unpacked,
        archives: &[],
        mounts: &[],
        tools: tools.as_ref(),
    };
    configured.make(&input, &|_| Ok(()), context)
}

/// Fetches the packages of `plan`, and the tools that are needed to configure them on this machine.
pub(super) fn fetch_inputs(plan: &Plan, context: &BuildContext<'_>) -> Result<(), SystemError> {
    let host = Architecture::host().ok_or(SystemError::UnknownHost)?;
    let needed: Vec<&LockedPackage> = plan.lock.inputs(Some(host)).collect();
    Ok(fetch::fetch(&needed, context)?)
}

/// The tree of the packages whose files serve as blobs of the board. They are unpacked and not configured.
pub(super) fn file_packages(plan: &Plan, context: &BuildContext<'_>) -> Result<Tree, SystemError> {
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

/// The tree of the tools that run in the sandbox on this machine; `None` if the plan needs no tools here.
pub(super) fn tools(plan: &Plan, context: &BuildContext<'_>) -> Result<Option<Tree>, SystemError> {
    let host = Architecture::host().ok_or(SystemError::UnknownHost)?;
    let locked = plan.lock.tools.get(&host).map_or(&[][..], Vec::as_slice);
    if locked.is_empty() {
        return Ok(None);
    }
    fetch::fetch(&locked.iter().collect::<Vec<&LockedPackage>>(), context)?;
    unpack(locked, host, plan, context).map(Some)
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

/// The digest of everything that decides the tree of `packages`. Files of overlays do not, because they are written
/// afterwards.
pub(super) fn key(plan: &Plan, packages: &[LockedPackage]) -> Hasher {
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
