//! The lock: every input of a build, pinned by name, version, size and digest.

use crate::address::is_plain_path;
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the lock format that this imgbuild reads and writes.
pub const LOCK_VERSION: u32 = 2;

/// Every input of one build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    /// [`LOCK_VERSION`].
    pub version: u32,
    /// Digest of what decides the packages; another one makes the lock stale.
    pub spec: Sha256,
    /// The newest `Date` of the archives used.
    pub epoch: Epoch,
    /// The archives at the moment of resolution.
    pub repositories: Vec<LockedRepository>,
    /// The image that the build starts from, unless it starts from packages alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<LockedBase>,
    /// The image that only the boot loader is taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<LockedBase>,
    /// The packages of the image, beside those that its base has, sorted by name and architecture.
    pub packages: Vec<LockedPackage>,
    /// Packages of the same archives whose files serve as boot blobs; they are not installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_packages: Vec<LockedPackage>,
    /// The archives with keys of their own that blobs are taken from; the device never asks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub third_party_archives: Vec<LockedRepository>,
    /// Packages of these archives whose files serve as boot blobs; they are not installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub third_party_packages: Vec<LockedPackage>,
    /// By architecture of the building host: packages that run in the sandbox and reach no image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<Architecture, Vec<LockedPackage>>,
}

/// What every version of the lock has.
#[derive(Deserialize)]
struct Header {
    version: u32,
}

/// An archive's suite as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedRepository {
    /// The name that packages refer to: `debian/trixie`, `debian-security/trixie-security`.
    pub name: String,
    /// Root of the archive when the lock was made; the device fetches its upgrades from there. A
    /// build may fetch from another mirror, since every package is known by its digest.
    pub url: String,
    /// Digest of its InRelease.
    pub in_release: Sha256,
    /// Its `Date`, in seconds since 1970-01-01 UTC.
    pub date: Epoch,
}

/// A text that is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not in the form of a lock.
    #[error("the lock cannot be read; run `imgbuild lock` to make it anew")]
    Form(#[from] toml::de::Error),
    /// It is of another imgbuild.
    #[error(
        "the lock has version {found}, expected {LOCK_VERSION}; run `imgbuild lock` to make it anew"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// It leads out of an archive.
    #[error(
        "the lock gives package `{package}` the path `{path}`, expected names joined by `/` below the archive, without `..`; \
         run `imgbuild lock` to make it anew"
    )]
    Path {
        /// The package.
        package: String,
        /// What stands there.
        path: String,
    },
}

impl Lock {
    /// Reads what [`Lock::to_text`] wrote.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        // The version comes first: a lock of another one has other keys, and to say so of one of them would help nobody.
        let Header { version: found } = toml::from_str(text)?;
        if found != LOCK_VERSION {
            return Err(LockError::Version { found });
        }
        let lock: Self = toml::from_str(text)?;
        // Not only where a package is fetched, since the store may have it: what was read is believed from here on.
        let stray = lock.files().find(|package| !is_plain_path(&package.path));
        match stray {
            Some(package) => Err(LockError::Path {
                package: package.name.clone(),
                path: package.path.clone(),
            }),
            None => Ok(lock),
        }
    }

    /// Every package file that it names.
    fn files(&self) -> impl Iterator<Item = &LockedPackage> {
        let tools = self.tools.values().flatten();
        let files = self.packages.iter().chain(&self.file_packages);
        files.chain(&self.third_party_packages).chain(tools)
    }

    /// The canonical form: TOML, for people to read and for versions to be compared.
    pub fn to_text(&self) -> String {
        let body = toml::to_string(self).expect("a lock has nothing that TOML cannot hold");
        format!(
            "# Written by `imgbuild lock`: every input of a build, by digest. Not to be edited.\n{body}"
        )
    }

    /// Every package, with those that reach no image: of the image, file packages, tools of `host`.
    pub fn inputs(&self, host: Option<Architecture>) -> impl Iterator<Item = &LockedPackage> {
        let tools = host
            .and_then(|host| self.tools.get(&host))
            .into_iter()
            .flatten();
        self.packages.iter().chain(&self.file_packages).chain(tools)
    }
}

impl LockedRepository {
    /// The suite: what stands behind the slash of the name.
    pub fn suite(&self) -> &str {
        self.name
            .rsplit_once('/')
            .map_or(self.name.as_str(), |(_, suite)| suite)
    }
}

/// A file that holds a base image, as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedBase {
    /// The board's name for it, or that of the file.
    pub name: String,
    /// Where it may be had; nowhere if it is a file of the person who builds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Length in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Sha256,
}

/// One package file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedPackage {
    /// Package name.
    pub name: String,
    /// Its `Architecture` field: one of ours, or `all`.
    pub architecture: String,
    /// Its version.
    pub version: String,
    /// Name of the [`LockedRepository`] it came from.
    pub repository: String,
    /// Path below the archive's root: `pool/main/t/tor/tor_….deb`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Whether it is here only because another package needs it (apt: `Auto-Installed`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}
