//! Overlays, units, accounts and identity, written into the configured tree.

pub mod accounts;
pub mod archives;
pub mod boot_text;
pub mod conflicting;
pub mod device;
pub mod identity;
pub mod layer;
pub mod named;
pub mod overlay_files;
pub mod overlays;
pub mod setting_syntax;
pub mod template;
pub mod template_syntax;
pub mod units;

use crate::base::Preserved;
use crate::plan::Plan;
use crate::specification::{Configure, SystemSettings, Units};
use crate::tree::{Objects, Origin, Tree};
use layer::{Layer, LayerError};
use overlay_files::OverlayFiles;
pub use overlays::Unowned;
use overlays::{Accounts, OverlayError, Overlayer};
use serde_json::json;
use units::UnitError;

/// Why the tree could not be composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A file could not be written into it.
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
    /// The settings that can change on the device could not be written into it.
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
    /// What overlays have written.
    pub overlay_files: OverlayFiles,
}

/// Writes everything that `plan` asks for into `tree`, whose packages are configured: accounts first,
/// for files of overlays may belong to them; identity last, for nothing may bring it back. What the tree had of
/// its own before the build, and keeps, is said by `preserved`.
///
/// # Errors
/// Where a setting, an overlay or a unit does not go with the tree.
pub fn compose(
    plan: &Plan,
    preserved: &Preserved,
    tree: &mut Tree,
    objects: &dyn Objects,
) -> Result<Composed, ComposeError> {
    let epoch = plan.epoch();
    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    let system = system_settings(plan, preserved);
    named::check(&layer, &named::names(plan, &system))?;
    if let Some(administrator) = &system.administrator {
        accounts::add(&mut layer, administrator, epoch)?;
        accounts::lock_well_known(&mut layer)?;
    }
    if !preserved.apt_sources {
        let components = &plan.spec.board.suite.components;
        archives::write(&mut layer, &plan.lock.repositories, components)?;
    }
    let composed = write_overlays(plan, &preserved.boot_mount, tree, objects)?;

    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    apply_units(&mut layer, &plan.spec.units)?;
    identity::wipe(&mut layer)?;
    identity::write(&mut layer, &system)?;
    if !preserved.identity {
        identity::write_defaults(&mut layer)?;
    }
    Ok(composed)
}

/// The settings of the system that are to be written: a root that has a time zone and a locale of its own keeps
/// them, unless somebody gave others than the profile's defaults.
fn system_settings(plan: &Plan, preserved: &Preserved) -> SystemSettings {
    match preserved.identity {
        true => plan.spec.system.chosen(),
        false => plan.spec.system.clone(),
    }
}

fn apply_units(layer: &mut Layer<'_>, wanted: &Units) -> Result<(), UnitError> {
    wanted
        .disable
        .iter()
        .try_for_each(|unit| units::disable(layer, unit))?;
    wanted
        .mask
        .iter()
        .try_for_each(|unit| units::mask(layer, unit))?;
    wanted
        .enable
        .iter()
        .try_for_each(|unit| units::enable(layer, unit))?;
    conflicting::mask(layer, &wanted.enable)
}

fn write_overlays(
    plan: &Plan,
    mount: &str,
    tree: &mut Tree,
    objects: &dyn Objects,
) -> Result<Composed, ComposeError> {
    let mut unowned = Vec::new();
    let image = image_context(plan, mount);
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
        let written = overlayer.write(&mut layer, overlay);
        unowned.extend(written.map_err(|source| ComposeError::Overlay {
            overlay: overlay.name.clone(),
            source,
        })?);
    }
    let overlay_files = OverlayFiles::of(&plan.spec, tree);
    let mut layer = Layer::new(tree, objects, plan.epoch(), Origin::Builtin);
    device::write(&mut layer, &plan.spec, image)?;
    Ok(Composed {
        unowned,
        overlay_files,
    })
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
