//! The lock: every input of a build, pinned by name, version, size and digest.

use crate::address::is_plain_path;
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::fetch::Url;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the lock format that this imgbuild reads and writes.
pub const LOCK_VERSION: u32 = 2;

/// Dates are before 2100-01-01, in seconds since 1970-01-01 UTC: FAT and ext4 have no much later ones.
const MAX_EPOCH: i64 = 4_102_444_799;
/// The longest file in bytes, 1 TiB. No package and no image is nearly so long.
const MAX_SIZE: i64 = 1 << 40;

/// Every input of one build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    /// [`LOCK_VERSION`].
    pub version: u32,
    /// The digest of everything on which the choice of packages depends. With another digest, the lock is stale.
    pub spec: Sha256,
    /// The newest `Date` of the archives that were used.
    #[serde(deserialize_with = "epoch")]
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
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// The address of the archive when the lock was made. The device fetches its upgrades from there; a build may fetch from
    /// another mirror, because every package is pinned by its digest.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// The digest of its InRelease.
    pub in_release: Sha256,
    /// Its `Date`, in seconds since 1970-01-01 UTC.
    #[serde(deserialize_with = "epoch")]
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
    /// A package comes from an archive that the lock does not have.
    #[error(
        "line {line}: package `{package}` comes from the archive `{repository}`, expected one of `{known}`; run \
         `imgbuild lock` to make it anew"
    )]
    Repository {
        /// The line in which the archive is named first.
        line: usize,
        /// The package.
        package: String,
        /// The name of the archive.
        repository: String,
        /// The names of the archives that the lock has.
        known: String,
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
        let tools = lock.tools.values().flatten();
        let debian = lock.packages.iter().chain(&lock.file_packages).chain(tools);
        check_archives(text, debian, &lock.repositories)?;
        let third_party = lock.third_party_packages.iter();
        check_archives(text, third_party, &lock.third_party_archives)?;
        Ok(lock)
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

impl Lock {
    /// The digests of all files that the lock pins, for every host.
    pub fn files(&self) -> impl Iterator<Item = Sha256> {
        let images = self.base.iter().chain(&self.loader);
        let third_party = &self.third_party_packages;
        let packages = self.packages.iter().chain(&self.file_packages);
        let packages = packages
            .chain(third_party)
            .chain(self.tools.values().flatten());
        let packages = packages.map(|package| package.sha256);
        packages.chain(images.map(|image| image.sha256))
    }
}

/// Refuses a package of `packages` that comes from none of `archives`; `text` is that of the lock.
fn check_archives<'l>(
    text: &str,
    mut packages: impl Iterator<Item = &'l LockedPackage>,
    archives: &[LockedRepository],
) -> Result<(), LockError> {
    let known = archives.iter().map(|archive| archive.name.as_str());
    let known: Vec<&str> = known.collect();
    let Some(stray) = packages.find(|it| !known.contains(&it.repository.as_str())) else {
        return Ok(());
    };
    let names_it = |line: &&str| line.starts_with("repository") && line.contains(&stray.repository);
    Err(LockError::Repository {
        line: text.lines().take_while(|line| !names_it(line)).count() + 1,
        package: stray.name.clone(),
        repository: stray.repository.clone(),
        known: known.join("`, `"),
    })
}

fn epoch<'de, D: Deserializer<'de>>(from: D) -> Result<Epoch, D::Error> {
    let expected = "seconds since 1970-01-01 UTC, before the year 2100";
    Ok(Epoch(number(from, 0, MAX_EPOCH, expected)?))
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    number(from, 1, MAX_SIZE, "a length in bytes, 1 to 2^40")
}

fn number<'de, D: Deserializer<'de>>(
    from: D,
    least: i64,
    most: i64,
    expected: &str,
) -> Result<u64, D::Error> {
    let number = i64::deserialize(from)?;
    match u64::try_from(number) {
        Ok(sound) if (least..=most).contains(&number) => Ok(sound),
        _ => Err(D::Error::invalid_value(
            Unexpected::Signed(number),
            &expected,
        )),
    }
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, is_word, "a name without spaces")
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "names joined by `/` below the archive, without `..`";
    text(from, is_plain_path, expected)
}

/// An address is written into the files of the device, where a space or a line end in it would mean something else.
fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let is_url = |text: &str| is_word(text) && text.parse::<Url>().is_ok();
    text(from, is_url, "an address with http:, https: or file:")
}

fn urls<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Address(#[serde(deserialize_with = "url")] String);
    let urls = Vec::<Address>::deserialize(from)?.into_iter();
    Ok(urls.map(|Address(url)| url).collect())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn text<'de, D: Deserializer<'de>>(
    from: D,
    is_sound: impl Fn(&str) -> bool,
    expected: &str,
) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match is_sound(&text) {
        true => Ok(text),
        false => Err(D::Error::invalid_value(Unexpected::Str(&text), &expected)),
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
    #[serde(
        default,
        deserialize_with = "urls",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// The length in bytes.
    #[serde(deserialize_with = "size")]
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
    /// The path in the archive: `pool/main/t/tor/tor_….deb`. It is checked here and not when a package is fetched, because
    /// a package in the store is not fetched.
    #[serde(deserialize_with = "path")]
    pub path: String,
    /// Length in bytes.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Whether it is installed only because another package needs it (`Auto-Installed` of apt).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}
