//! The archives from which a base image fetches its packages, and the keys that it trusts for them.
//!
//! ```text
//! /etc/apt/sources.list, sources.list.d/*.list, *.sources    archives
//! /etc/apt/trusted.gpg, trusted.gpg.d/*.gpg, *.asc           keys for archives without Signed-By
//! /etc/apt/preferences, preferences.d/*                      preferences for versions
//! ```
//!
//! The base image was verified, so its keys are trusted. If a person names a mirror, it replaces Debian's own
//! addresses during the build; the sources in the image stay as they are.

use crate::apt::keyring::{Keyring, KeyringError};
use crate::apt::mirrors::{self, DebianMirrors};
use crate::apt::preferences::{Preferences, PreferencesError};
use crate::apt::repository::{Freshness, Repository};
use crate::apt::sources::{self, SourceEntry, SourcesError};
use crate::fetch::Url;
use crate::tree::{Objects, Tree, TreePath};
use std::io;
use std::sync::Arc;

/// Why the archives of a base image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// There is no archive.
    #[error(
        "the base image's apt has no archive of packages in /etc/apt/sources.list or sources.list.d"
    )]
    NoArchive,
    /// A file cannot be read.
    #[error("cannot read `{path}` of the base image")]
    Read {
        /// The file.
        path: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A sources file that apt would also refuse.
    #[error("cannot understand `{path}` of the base image")]
    Sources {
        /// The file.
        path: String,
        /// The fault of the file.
        source: SourcesError,
    },
    /// Preferences that imgbuild does not support: it would choose other versions than apt.
    #[error("cannot follow `{path}` of the base image")]
    Preferences {
        /// The file.
        path: String,
        /// The fault of the file.
        source: PreferencesError,
    },
    /// An address that only apt can use.
    #[error(
        "the base image's apt uses the archive `{uri}`, which cannot be fetched from here: expected \
         http:, https: or file:"
    )]
    Address {
        /// The address.
        uri: String,
    },
    /// An archive without suites.
    #[error(
        "the base image's apt uses `{uri}` as a flat archive (suite `{suite}`), expected one with suites"
    )]
    Flat {
        /// Its address.
        uri: String,
        /// The field with the suite.
        suite: String,
    },
    /// The keys of an archive cannot be used.
    #[error("cannot use the keys `{keys}` of the base image's archive `{uri}`")]
    Keys {
        /// The archive.
        uri: String,
        /// The field Signed-By.
        keys: String,
        /// The fault of the keys.
        source: Box<KeyringError>,
    },
}

/// What a person gives instead of the base image's mirrors, keys and dates.
#[derive(Clone, Copy, Debug)]
pub struct Instead<'a> {
    /// Mirrors of Debian's archives.
    pub mirrors: Option<&'a DebianMirrors>,
    /// Keys of Debian's archives.
    pub keyring: Option<&'a Keyring>,
    /// Whether archives may be out of date.
    pub freshness: Freshness,
}

/// The files of a base image that apt reads.
struct Files<'a> {
    tree: &'a Tree,
    objects: &'a dyn Objects,
}

/// The archives of the base image whose root is `tree`.
///
/// # Errors
///
/// There is no archive, or one cannot be used.
pub fn repositories(
    tree: &Tree,
    objects: &dyn Objects,
    instead: Instead<'_>,
) -> Result<Vec<Repository>, AptError> {
    let files = Files { tree, objects };
    let mut entries = files.entries()?;
    sources::expand_mirror_lists(&mut entries, |path| {
        let text = files.bytes(path.to_str()?).ok()??;
        String::from_utf8(text.to_vec()).ok()
    });
    let mut found: Vec<Repository> = Vec::new();
    for entry in entries {
        if !entry.types.iter().any(|kind| kind == "deb") {
            continue;
        }
        for uri in &entry.uris {
            for suite in &entry.suites {
                add(&mut found, files.repository(&entry, uri, suite, instead)?);
            }
        }
    }
    if found.is_empty() {
        return Err(AptError::NoArchive);
    }
    Ok(found)
}

/// The preferences for versions of the apt of the base image whose root is `tree`.
///
/// # Errors
///
/// A file cannot be read, or has preferences that are not supported.
pub fn preferences(tree: &Tree, objects: &dyn Objects) -> Result<Preferences, AptError> {
    let files = Files { tree, objects };
    let mut paths = vec!["/etc/apt/preferences".to_owned()];
    // apt ignores other names, such as those of backups (apt_preferences(5)).
    let parts = files.in_folder("/etc/apt/preferences.d", &[""]);
    let counts = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        !name.contains('.') || name.ends_with(".pref")
    };
    paths.extend(parts.into_iter().filter(counts));
    let mut preferences = Preferences::default();
    for path in paths {
        let bytes = files.bytes(&path)?.unwrap_or_default();
        let added = preferences.add(&String::from_utf8_lossy(&bytes));
        added.map_err(|source| AptError::Preferences { path, source })?;
    }
    let mut paths = files.in_folder("/etc/apt/apt.conf.d", &[""]);
    paths.push("/etc/apt/apt.conf".to_owned());
    for path in paths {
        let bytes = files.bytes(&path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(release) = text.lines().find_map(default_release) {
            preferences.prefer(release);
        }
    }
    Ok(preferences)
}

/// The value of `APT::Default-Release` in a line of apt.conf(5).
fn default_release(line: &str) -> Option<&str> {
    const OPTION: &str = "APT::Default-Release";
    let (option, value) = line.trim().split_at_checked(OPTION.len())?;
    let value = value.trim().trim_end_matches(';').trim().trim_matches('"');
    (option.eq_ignore_ascii_case(OPTION) && !value.is_empty()).then_some(value)
}

/// Adds `repository`, or only its components if `found` has it already.
fn add(found: &mut Vec<Repository>, repository: Repository) {
    match found.iter_mut().find(|known| known.name == repository.name) {
        None => found.push(repository),
        Some(known) => {
            for component in repository.components {
                if !known.components.contains(&component) {
                    known.components.push(component);
                }
            }
        }
    }
}

impl Files<'_> {
    /// The content of the file at `path`, if it exists.
    fn bytes(&self, path: &str) -> Result<Option<Arc<[u8]>>, AptError> {
        let parsed = TreePath::parse(path.as_bytes()).ok();
        let content = parsed.and_then(|path| self.tree.file(&path));
        let read = content.map(|content| content.read(self.objects));
        read.transpose().map_err(|source| {
            let path = path.to_owned();
            AptError::Read { path, source }
        })
    }

    /// The paths of the files in `folder` whose names end in one of `endings`, in their order.
    fn in_folder(&self, folder: &str, endings: &[&str]) -> Vec<String> {
        let Some(id) = self.tree.resolve(&TreePath::constant(folder)) else {
            return Vec::new();
        };
        let names = self.tree.entries(id).map(|(name, _)| name.to_string());
        let names = names.filter(|name| endings.iter().any(|ending| name.ends_with(ending)));
        names.map(|name| format!("{folder}/{name}")).collect()
    }

    fn entries(&self) -> Result<Vec<SourceEntry>, AptError> {
        let mut paths = vec!["/etc/apt/sources.list".to_owned()];
        paths.extend(self.in_folder("/etc/apt/sources.list.d", &[".list", ".sources"]));
        let mut entries = Vec::new();
        for path in paths {
            let Some(bytes) = self.bytes(&path)? else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            let parsed = match path.ends_with(".sources") {
                true => sources::parse_sources(&text),
                false => sources::parse_list(&text),
            };
            entries.extend(parsed.map_err(|source| AptError::Sources { path, source })?);
        }
        Ok(entries)
    }

    fn repository(
        &self,
        entry: &SourceEntry,
        uri: &str,
        suite: &str,
        instead: Instead<'_>,
    ) -> Result<Repository, AptError> {
        if suite.ends_with('/') {
            return Err(AptError::Flat {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
            });
        }
        let unusable = |_| AptError::Address {
            uri: uri.to_owned(),
        };
        let url: Url = uri.parse().map_err(unusable)?;
        let known = instead
            .mirrors
            .and_then(|mirrors| mirrors::mirror_of(entry, &url, suite, mirrors));
        let keyring = match (known, instead.keyring) {
            (Some(_), Some(keyring)) => keyring.clone(),
            _ => self.keys(entry, uri)?,
        };
        Ok(Repository {
            name: format!("{}/{suite}", short(uri)),
            base_urls: vec![known.unwrap_or(&url).clone()],
            suite: suite.to_owned(),
            components: entry.components.clone(),
            keyring,
            freshness: instead.freshness,
        })
    }

    /// The keys that may sign the archive at `uri`.
    fn keys(&self, entry: &SourceEntry, uri: &str) -> Result<Keyring, AptError> {
        let Some(signed_by) = &entry.signed_by else {
            return self.trusted(uri);
        };
        let keys = signed_by.split_whitespace().next().unwrap_or_default();
        let failed = |error| AptError::Keys {
            uri: uri.to_owned(),
            keys: keys.to_owned(),
            source: Box::new(error),
        };
        if signed_by.contains("BEGIN PGP") {
            // A line with a single dot is an empty line of the field (deb822(5)).
            let lines = signed_by.lines().map(str::trim);
            let lines = lines.map(|line| if line == "." { "" } else { line });
            let block: String = lines.flat_map(|line| [line, "\n"]).collect();
            return Keyring::parse(block.as_bytes()).map_err(failed);
        }
        let words = signed_by.split([',', ' ', '\t', '\n']);
        let mut rings = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            let ring = match word.starts_with('/') {
                true => Keyring::parse(&self.bytes(word)?.unwrap_or_default()),
                // A trailing `!` forbids subkeys; no archive depends on that.
                false => self.trusted(uri)?.only(word.trim_end_matches('!')),
            };
            rings.push(ring.map_err(failed)?);
        }
        let joined = rings.into_iter().reduce(Keyring::joined);
        joined.ok_or_else(|| failed(KeyringError::Empty))
    }

    /// The keys for archives without Signed-By.
    fn trusted(&self, uri: &str) -> Result<Keyring, AptError> {
        let mut paths = vec!["/etc/apt/trusted.gpg".to_owned()];
        paths.extend(self.in_folder("/etc/apt/trusted.gpg.d", &[".gpg", ".asc"]));
        let mut rings = Vec::new();
        for path in paths {
            // apt ignores a file that is not a keyring.
            rings.extend(Keyring::parse(&self.bytes(&path)?.unwrap_or_default()).ok());
        }
        let joined = rings.into_iter().reduce(Keyring::joined);
        joined.ok_or_else(|| AptError::Keys {
            uri: uri.to_owned(),
            keys: "/etc/apt/trusted.gpg.d".to_owned(),
            source: Box::new(KeyringError::Empty),
        })
    }
}

/// An address without scheme, user name, password and slash at the end: `archive.raspberrypi.com/debian`.
fn short(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
    let login = host.rfind('@').map_or(0, |at| at + 1);
    let rest = &rest[login..];
    rest.trim_matches('/')
}
