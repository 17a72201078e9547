//! Overlays, units, accounts and identity, laid over the configured tree.

pub mod accounts;
pub mod archives;
pub mod boot_text;
pub mod conflicting;
pub mod device;
pub mod identity;
pub mod laid;
pub mod layer;
pub mod line;
pub mod named;
pub mod overlays;
pub mod program;
pub mod template;
pub mod units;

use crate::base::Opened;
use crate::define::Board;
use crate::plan::Plan;
use crate::specification::Configure;
use crate::tree::{Objects, Origin, Tree};
use laid::Laid;
use layer::{Layer, LayerError};
pub use overlays::Unowned;
use overlays::{Accounts, OverlayError, Overlayer};
use serde_json::json;
use units::UnitError;

/// Why the tree could not be composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A file could not be laid over it.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Settings name what the image does not have.
    #[error(transparent)]
    Name(#[from] named::NameError),
    /// An overlay could not.
    #[error("cannot lay overlay `{overlay}` over the tree")]
    Overlay {
        /// The overlay.
        overlay: String,
        /// Why.
        source: OverlayError,
    },
    /// The settings that can change on the device could not be laid over it.
    #[error(transparent)]
    Device(#[from] device::DeviceError),
    /// A unit could not be enabled.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// What is to be known of a composed tree.
#[derive(Debug)]
pub struct Composed {
    /// What belongs to accounts that the device is still to make.
    pub unowned: Vec<Unowned>,
    /// What overlays have laid.
    pub laid: Laid,
}

/// Lays everything that `plan` asks for over `tree`, whose packages are configured: accounts first,
/// for files of overlays may belong to them; identity last, for nothing may bring it back.
///
/// A `base` image keeps its sources of packages, and what the profile leaves at its default.
pub fn compose(
    plan: &Plan,
    base: Option<&Opened>,
    tree: &mut Tree,
    objects: &dyn Objects,
) -> Result<Composed, ComposeError> {
    let epoch = plan.epoch();
    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    let system = match base {
        Some(_) => plan.spec.system.chosen(),
        None => plan.spec.system.clone(),
    };
    named::check(&layer, &named::names(plan, &system))?;
    if let Some(administrator) = &system.administrator {
        accounts::add(&mut layer, administrator, epoch)?;
        if base.is_some() {
            accounts::lock_well_known(&mut layer)?;
        }
    }
    if base.is_none() {
        archives::write(
            &mut layer,
            &plan.lock.repositories,
            &plan.spec.board.suite.components,
        )?;
    }
    let composed = lay_overlays(plan, base, tree, objects)?;

    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    let wanted = &plan.spec.units;
    wanted
        .disable
        .iter()
        .try_for_each(|unit| units::disable(&mut layer, unit))?;
    wanted
        .mask
        .iter()
        .try_for_each(|unit| units::mask(&mut layer, unit))?;
    wanted
        .enable
        .iter()
        .try_for_each(|unit| units::enable(&mut layer, unit))?;
    identity::wipe(&mut layer)?;
    if base.is_none() {
        identity::write(&mut layer, &system)?;
        return Ok(composed);
    }
    conflicting::mask(&mut layer, &wanted.enable)?;
    identity::write_on_base(&mut layer, &system)?;
    Ok(composed)
}

fn lay_overlays(
    plan: &Plan,
    base: Option<&Opened>,
    tree: &mut Tree,
    objects: &dyn Objects,
) -> Result<Composed, ComposeError> {
    let mut unowned = Vec::new();
    let mount = match base {
        Some(base) => base.boot_mount(),
        None => boot_partition_mount(&plan.spec.board).to_owned(),
    };
    let image = image_context(plan, &mount);
    let context = plan.spec.context(image.clone());
    for overlay in &plan.spec.overlays {
        let origin = Origin::Overlay(overlay.name.as_str().into());
        let mut layer = Layer::new(tree, objects, plan.epoch(), origin);
        let accounts = Accounts::read(&layer)?;
        let settings = &plan.spec.settings;
        let overlayer = Overlayer {
            settings,
            context: &context,
            accounts: &accounts,
            accounts_to_come: plan.spec.configure == Configure::FirstBoot,
        };
        let laid = overlayer.lay(&mut layer, overlay);
        unowned.extend(laid.map_err(|source| ComposeError::Overlay {
            overlay: overlay.name.clone(),
            source,
        })?);
    }
    let laid = Laid::of(&plan.spec, tree);
    let mut layer = Layer::new(tree, objects, plan.epoch(), Origin::Builtin);
    device::lay(&mut layer, &plan.spec, image)?;
    Ok(Composed { unowned, laid })
}

/// What templates see as `image`.
fn image_context(plan: &Plan, mount: &str) -> serde_json::Value {
    json!({
        "name": format!("{} on {}", plan.spec.profile.name, plan.spec.board.name),
        "build-id": plan.build_id.to_string(),
        "boot-mount": mount,
        "boot-mount-unit": mount_unit(mount),
    })
}

/// The unit that mounts at `mount`: systemd-escape(1) of a path without special characters.
pub fn mount_unit(mount: &str) -> String {
    format!("{}.mount", mount.trim_start_matches('/').replace('/', "-"))
}

/// Where the partition is mounted that any computer can read: the FAT of board or firmware.
pub(crate) fn boot_partition_mount(board: &Board) -> &str {
    let fat = |partition: &&crate::define::board::Partition| {
        partition.filesystem == crate::define::board::Filesystem::Fat32
    };
    let found = board
        .partitions
        .iter()
        .filter(fat)
        .find_map(|partition| partition.mount.as_deref());
    found.unwrap_or("/boot")
}
