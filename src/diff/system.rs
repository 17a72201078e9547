//! What differs between two systems.

use super::change::{Change, Field, change, changes};
use super::packages::{self, PackageChange};
use crate::inspect::System;
use serde::Serialize;

/// What differs between two systems.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SystemDiff {
    /// The number of the root partition in the first image, if it has the system.
    pub before: Option<u32>,
    /// The number of the root partition in the second image, if it has the system.
    pub after: Option<u32>,
    /// The fields of the system as a whole: its release, host name, architecture and mounts.
    pub system: Vec<Field>,
    /// The packages, by name.
    pub packages: Vec<PackageChange>,
    /// The settings of imgbuild, by name. Secrets have no values.
    pub settings: Vec<Change>,
    /// The units, by name.
    pub units: Vec<Change>,
    /// The kernels, by path.
    pub kernels: Vec<Change>,
    /// The accounts, by name.
    pub accounts: Vec<Change>,
    /// The services that listen, by unit.
    pub services: Vec<Change>,
    /// The programs with setuid bit, setgid bit or capabilities, by path.
    pub privileged: Vec<Change>,
    /// The places of secrets, by path and line.
    pub secrets: Vec<Change>,
}

impl SystemDiff {
    /// Compares two systems; their partitions and settings are added by the caller.
    pub(super) fn of(before: &System, after: &System) -> Self {
        let mut system: Vec<Field> = [
            Field::of("hostname", before.hostname.clone(), after.hostname.clone()),
            Field::of(
                "architecture",
                before.architecture.clone(),
                after.architecture.clone(),
            ),
            Field::of(
                "has_machine_id",
                before.has_machine_id,
                after.has_machine_id,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (name, change) in [
            (
                "os_release",
                change("", Some(&before.os_release), Some(&after.os_release)),
            ),
            (
                "mounts",
                change("", Some(&before.mounts), Some(&after.mounts)),
            ),
        ] {
            let fields = change.map(|it| it.fields).unwrap_or_default().into_iter();
            system.extend(fields.map(|field| Field {
                name: format!("{name}.{}", field.name),
                ..field
            }));
        }
        Self {
            system,
            packages: packages::of_systems(before, after),
            units: changes(&before.units, &after.units, |it| it.name.clone()),
            kernels: changes(&before.kernels, &after.kernels, |it| it.path.clone()),
            accounts: changes(&before.accounts, &after.accounts, |it| it.name.clone()),
            services: changes(&before.services, &after.services, |it| {
                format!("{} at {}", it.unit, it.address)
            }),
            privileged: changes(&before.privileged, &after.privileged, |it| it.path.clone()),
            secrets: changes(&before.secrets, &after.secrets, |it| {
                format!("{}:{} {}", it.path, it.line, it.kind.words())
            }),
            ..Self::default()
        }
    }

    /// Whether the systems have no difference.
    pub(super) fn is_empty(&self) -> bool {
        let lists = [
            &self.settings,
            &self.units,
            &self.kernels,
            &self.accounts,
            &self.services,
            &self.privileged,
            &self.secrets,
        ];
        self.system.is_empty() && self.packages.is_empty() && lists.iter().all(|it| it.is_empty())
    }
}
