//! The specification of an image: one board, one merged profile, every setting checked and every default applied.
//!
//! A [`Spec`] exists only if no mistake was found. It contains the secrets, but its digests, its JSON and its text only say
//! whether a secret was given.

mod base;
mod check;
mod conflict;
mod device;
mod lineage;
mod merge;
mod network;
mod ports;
mod secret;
mod settings;
mod show;
pub mod system;

pub use base::{BaseArgument, ImageBase, ImageSource};
pub use check::{check, profile};
pub(crate) use secret::Codes;
pub use secret::Secret;
pub use settings::{Assigned, Configure, GivenSecret, Settings, SettingsFile, UserSettings};
pub use system::SystemSettings;

use crate::define::{Board, Overlay, Setting, Value};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// The specification of an image.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The board.
    pub board: Board,
    /// The base image; `None` for an image that is made of packages.
    pub base: Option<ImageBase>,
    /// The image that only the boot loader is taken from; the rest is then made of packages.
    pub loader: Option<ImageBase>,
    /// The place where packages are configured.
    pub configure: Configure,
    /// The merged profile.
    pub profile: Profile,
    /// The names of the packages to install, sorted: those of the profile and, without a base image, those of the board.
    pub packages: Vec<String>,
    /// The packages that must not be installed, not even as a dependency, sorted.
    pub never: Vec<String>,
    /// The packages whose files the board uses without installing them, sorted.
    pub file_packages: Vec<String>,
    /// Whether recommended packages are installed.
    pub recommends: bool,
    /// The overlays, in the order in which they are written over each other.
    pub overlays: Vec<Overlay>,
    /// The systemd units.
    pub units: Units,
    /// The free space of the root filesystem in the image.
    pub root_margin: Bytes,
    /// The values of the settings.
    pub settings: Settings,
    /// The values of the settings of the system.
    pub system: SystemSettings,
    /// The settings that the person gave, and their places for messages: `my.toml:3`, `--set`.
    pub given: BTreeMap<String, String>,
    /// The conflicts that a change of settings could cause on the device.
    pub exclusions: Vec<Exclusion>,
    /// Remarks for the person: definitions that are not shipped, and files that were left out.
    pub remarks: Vec<String>,
}

/// A conflict that the settings of this Spec do not have, but others could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The settings that must have one of these values.
    pub when: BTreeMap<String, Vec<Value>>,
    /// The settings that must be given, which means neither false nor empty. `list.field` is the field of any item.
    pub given: Vec<String>,
    /// The settings that must not be given.
    pub absent: Vec<String>,
    /// The reason why this is a conflict.
    pub because: String,
    /// Advice what to do.
    pub help: String,
}

/// A profile with all that it extends merged in.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name.
    pub name: String,
    /// A title in a few words.
    pub title: String,
    /// A description in a few lines.
    pub help: String,
    /// The names of this profile and of all that it extends, in the order in which they were merged.
    pub lineage: Vec<String>,
    /// The program in the image that checks whether the device does its job.
    pub health: Option<String>,
    /// The settings that can be given.
    pub settings: BTreeMap<String, Setting>,
}

/// The changes of systemd units. No unit is in two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Units {
    /// The units that are started at boot.
    pub enable: Vec<String>,
    /// The units that are not started at boot.
    pub disable: Vec<String>,
    /// The units that cannot be started at all.
    pub mask: Vec<String>,
}

/// The text of all mistakes that `flags` of `--set` have for `profile` on the board `rpi4`; empty if there are none.
#[cfg(test)]
fn mistakes<'f>(profile: &str, flags: impl IntoIterator<Item = &'f str>) -> String {
    let definitions = crate::define::Definitions::find(&[]);
    let spec = check(
        &definitions,
        "rpi4",
        profile,
        &UserSettings::of_flags(flags),
    );
    spec.map_or_else(|wrong| wrong.to_string(), |_| String::new())
}
