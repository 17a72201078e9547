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
    /// The digest of everything on which the choice of packages depends. With another digest, the lock is stale.
    pub spec: Sha256,
    /// The newest `Date` of the archives that were used.
    pub epoch: Epoch,
    /// The archives, as they were when the lock was made.
    pub repositories: Vec<LockedRepository>,
    /// The base image, unless the image is made of packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<LockedBase>,
    /// The image that only the boot loader is taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<LockedBase>,
    /// The packages that are installed, without those that the base image has already, sorted by name and architecture.
    pub packages: Vec<LockedPackage>,
    /// Packages of the same archives whose files are used for boot blobs; they are not installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_packages: Vec<LockedPackage>,
    /// The third-party archives that blobs are taken from; the device does not use them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub third_party_archives: Vec<LockedRepository>,
    /// Packages of these archives whose files are used for boot blobs; they are not installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub third_party_packages: Vec<LockedPackage>,
    /// Packages whose programs run in the sandbox and are not part of the image, by the architecture of the building host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<Architecture, Vec<LockedPackage>>,
}

/// The key that every version of the lock has.
#[derive(Deserialize)]
struct Header {
    version: u32,
}

/// An archive's suite as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedRepository {
    /// The name by which packages refer to it: `debian/trixie`, `debian-security/trixie-security`.
    pub name: String,
    /// The address of the archive when the lock was made. The device fetches its upgrades from there; a build may fetch from
    /// another mirror, because every package is pinned by its digest.
    pub url: String,
    /// The digest of its InRelease.
    pub in_release: Sha256,
    /// Its `Date`, in seconds since 1970-01-01 UTC.
    pub date: Epoch,
}

/// An error: a text is not a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The text does not have the form of a lock.
    #[error("the lock cannot be read; run `imgbuild lock` to make it anew")]
    Form(#[from] toml::de::Error),
    /// The lock was made by another version of imgbuild.
    #[error(
        "the lock has version {found}, expected {LOCK_VERSION}; run `imgbuild lock` to make it anew"
    )]
    Version {
        /// The version of the lock.
        found: u32,
    },
    /// A path leads out of an archive.
    #[error(
        "the lock gives package `{package}` the path `{path}`, expected names joined by `/` below the archive, without `..`; \
         run `imgbuild lock` to make it anew"
    )]
    Path {
        /// The package.
        package: String,
        /// The path.
        path: String,
    },
}

impl Lock {
    /// Reads a text that [`Lock::to_text`] wrote.
    ///
    /// # Errors
    ///
    /// The text is not a lock of [`LOCK_VERSION`].
    pub fn parse(text: &str) -> Result<Self, LockError> {
        // The version is checked first: a lock of another version has other keys, and a message about one of them would not
        // help.
        let Header { version: found } = toml::from_str(text)?;
        if found != LOCK_VERSION {
            return Err(LockError::Version { found });
        }
        let lock: Self = toml::from_str(text)?;
        // The paths are checked here and not when a package is fetched, because a package in the store is not fetched.
        let stray = lock.files().find(|package| !is_plain_path(&package.path));
        match stray {
            Some(package) => Err(LockError::Path {
                package: package.name.clone(),
                path: package.path.clone(),
            }),
            None => Ok(lock),
        }
    }

    /// Every package in the lock.
    fn files(&self) -> impl Iterator<Item = &LockedPackage> {
        let tools = self.tools.values().flatten();
        let files = self.packages.iter().chain(&self.file_packages);
        files.chain(&self.third_party_packages).chain(tools)
    }

    /// The canonical form: TOML, which people can read and version control systems can compare.
    pub fn to_text(&self) -> String {
        let body = toml::to_string(self).expect("a lock has nothing that TOML cannot hold");
        format!(
            "# Written by `imgbuild lock`: every input of a build, by digest. Not to be edited.\n{body}"
        )
    }

    /// The packages of Debian's archives that a build on `host` needs: those of the image, file packages and tools.
    pub fn inputs(&self, host: Option<Architecture>) -> impl Iterator<Item = &LockedPackage> {
        let tools = host
            .and_then(|host| self.tools.get(&host))
            .into_iter()
            .flatten();
        self.packages.iter().chain(&self.file_packages).chain(tools)
    }
}

impl LockedRepository {
    /// The suite, which is the part of the name after the slash.
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
    /// The name of the image on the board, or the name of its file.
    pub name: String,
    /// The addresses of the image; empty if it is a file of the building host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The length in bytes.
    pub size: u64,
    /// The digest of the file.
    pub sha256: Sha256,
}

/// One package file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedPackage {
    /// The name of the package.
    pub name: String,
    /// Its field `Architecture`: a name of [`Architecture`], or `all`.
    pub architecture: String,
    /// Its version.
    pub version: String,
    /// The name of the [`LockedRepository`] that it comes from.
    pub repository: String,
    /// The path in the archive: `pool/main/t/tor/tor_….deb`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Whether it is installed only because another package needs it (`Auto-Installed` of apt).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}
