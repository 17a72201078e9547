//! What is meant: one board and one profile with all that it extends, every setting checked and
//! every default applied.
//!
//! A [`Spec`] exists only if nothing is wrong. Secrets are in it, but no digest, JSON or text of it
//! holds them: those say only whether one was given.

mod ancestors;
mod base;
mod check;
mod conflict;
mod device;
mod merge;
mod network;
mod ports;
mod secret;
mod settings;
mod show;
pub mod system;

pub use base::{BaseArgument, ImageBase};
pub use check::{check, profile};
pub(crate) use secret::Codes;
pub use secret::Secret;
pub use settings::{Assigned, Configure, GivenSecret, Settings, SettingsFile, UserSettings};
pub use system::SystemSettings;

use crate::define::{Board, Overlay, Setting, Value};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// What an image is to be.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The hardware.
    pub board: Board,
    /// The image to start from; none for a bootstrap from packages.
    pub base: Option<ImageBase>,
    /// The image that the boot loader is taken from, where all else is made of packages.
    pub loader: Option<ImageBase>,
    /// Where packages are configured.
    pub configure: Configure,
    /// The purpose.
    pub profile: Profile,
    /// The packages to install, of the profile and, in a bootstrap, of the board, sorted: names without versions.
    pub packages: Vec<String>,
    /// The packages that must not come in as anything's dependency, sorted.
    pub never: Vec<String>,
    /// The packages whose files the board uses without installing them, sorted.
    pub file_packages: Vec<String>,
    /// Whether recommended packages come along.
    pub recommends: bool,
    /// The overlays in the order in which they are laid over each other.
    pub overlays: Vec<Overlay>,
    /// The systemd units.
    pub units: Units,
    /// Free space that the root filesystem has in the image.
    pub root_margin: Bytes,
    /// What the settings are.
    pub settings: Settings,
    /// What those of them say that are about the system.
    pub system: SystemSettings,
    /// The settings that the person gave, and where, for messages: `my.toml:3`, `--set`.
    pub given: BTreeMap<String, String>,
    /// Values of settings that do not go together.
    pub exclusions: Vec<Exclusion>,
    /// What a person should know of the definitions: which are not the shipped ones, what was left out.
    pub remarks: Vec<String>,
}

/// Values of settings that do not go together; the ones of this Spec do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Each setting, and the values that it must have, all at once.
    pub when: BTreeMap<String, Vec<Value>>,
    /// Settings that must be more than false or empty besides; `list.field` is that of any of its tables.
    pub given: Vec<String>,
    /// Settings that must not be.
    pub absent: Vec<String>,
    /// What is wrong about it.
    pub because: String,
    /// What to do.
    pub help: String,
}

/// A profile with all that it extends merged in.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// What a person should know, in a few lines.
    pub help: String,
    /// It and every profile that it extends, in the order in which they were merged.
    pub lineage: Vec<String>,
    /// The program in the image that says whether the device does its job.
    pub health: Option<String>,
    /// What can be set.
    pub settings: BTreeMap<String, Setting>,
}

/// What happens to systemd units; no unit stands in two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Units {
    /// Started at boot.
    pub enable: Vec<String>,
    /// Not started at boot.
    pub disable: Vec<String>,
    /// Not startable at all.
    pub mask: Vec<String>,
}
