//! Writes overlays, units, accounts and identity into the configured tree.

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

/// Why the tree cannot be composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A file cannot be written.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A setting has the name of something that the image does not have.
    #[error(transparent)]
    Name(#[from] named::NameError),
    /// An overlay cannot be written.
    #[error("cannot lay overlay `{overlay}` over the tree")]
    Overlay {
        /// The overlay.
        overlay: String,
        /// The error of the overlay.
        source: OverlayError,
    },
    /// The settings that can change on the device cannot be written.
    #[error(transparent)]
    Device(#[from] device::DeviceError),
    /// A unit cannot be enabled.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// Facts about a composed tree.
#[derive(Debug)]
pub struct Composed {
    /// The files of accounts that are made on the device.
    pub unowned: Vec<Unowned>,
    /// The files that overlays have written.
    pub overlay_files: OverlayFiles,
}

/// Writes accounts, overlays, units and identity of `plan` into `tree`, whose packages are configured. Accounts
/// come first, because files of overlays may belong to them. Identity comes last, so that no other step makes the
/// removed files again. `preserved` says which properties of a base image stay.
///
/// # Errors
///
/// A setting, an overlay or a unit does not fit the tree.
pub fn compose(
    plan: &Plan,
    preserved: &Preserved,
    tree: &mut Tree,
    objects: &dyn Objects,
) -> Result<Composed, ComposeError> {
    let epoch = plan.epoch();
    let mut layer = Layer::new(tree, objects, epoch, Origin::Setting);
    let system = system_settings(plan, preserved);
    named::check(&layer, &named::names(plan, &system))?;
    if let Some(administrator) = &system.administrator {
        accounts::add(&mut layer, administrator, epoch)?;
        accounts::lock_well_known(&mut layer)?;
    }
    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    if !preserved.apt_sources {
        let components = &plan.spec.board.suite.components;
        archives::write(&mut layer, &plan.lock.repositories, components)?;
    }
    let composed = write_overlays(plan, &preserved.boot_mount, tree, objects)?;

    let mut layer = Layer::new(tree, objects, epoch, Origin::Unit);
    apply_units(&mut layer, &plan.spec.units)?;
    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    identity::wipe(&mut layer)?;
    let mut layer = Layer::new(tree, objects, epoch, Origin::Setting);
    identity::write(&mut layer, &system)?;
    let mut layer = Layer::new(tree, objects, epoch, Origin::Builtin);
    if !preserved.identity {
        identity::write_defaults(&mut layer)?;
    }
    Ok(composed)
}

/// The settings of the system that are written. A base image keeps its time zone and locale, unless a person gave
/// other values than the defaults of the profile.
fn system_settings(plan: &Plan, preserved: &Preserved) -> SystemSettings {
    match preserved.identity {
        true => plan.spec.system.chosen(),
        false => plan.spec.system.clone(),
    }
}

fn apply_units(layer: &mut Layer<'_>, wanted: &Units) -> Result<(), UnitError> {
    type Change = fn(&mut Layer<'_>, &str) -> Result<(), UnitError>;
    let changes: [(&[String], Change); 3] = [
        (&wanted.disable, units::disable),
        (&wanted.mask, units::mask),
        (&wanted.enable, units::enable),
    ];
    for (names, change) in changes {
        names.iter().try_for_each(|unit| change(layer, unit))?;
    }
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
    let mut layer = Layer::new(tree, objects, plan.epoch(), Origin::Setting);
    device::write(&mut layer, &plan.spec, image)?;
    Ok(Composed {
        unowned,
        overlay_files,
    })
}

/// The value `image` of templates.
fn image_context(plan: &Plan, mount: &str) -> serde_json::Value {
    json!({
        "name": format!("{} on {}", plan.spec.profile.name, plan.spec.board.name),
        "build-id": plan.build_id.to_string(),
        "boot-mount": mount,
        "boot-mount-unit": mount_unit(mount),
    })
}

/// The mount unit of `mount`, as systemd-escape(1) names it for a path without special characters.
pub fn mount_unit(mount: &str) -> String {
    format!("{}.mount", mount.trim_start_matches('/').replace('/', "-"))
}
