//! The archives that a base image fetches its packages from, and the keys it trusts for them.
//!
//! ```text
//! /etc/apt/sources.list, sources.list.d/*.list, *.sources    archives
//! /etc/apt/trusted.gpg, trusted.gpg.d/*.gpg, *.asc           keys for those without Signed-By
//! /etc/apt/preferences, preferences.d/*                      which versions it prefers
//! ```
//!
//! The base was verified, so its keys are trusted. A mirror that the person names is asked in the
//! place of Debian's own addresses; the base keeps its sources as they are.

use crate::apt::keyring::{Keyring, KeyringError};
use crate::apt::mirrors::{self, DebianMirrors};
use crate::apt::preferences::{Preferences, PreferencesError};
use crate::apt::repository::{Freshness, Repository};
use crate::apt::sources::{self, SourceEntry, SourcesError};
use crate::fetch::Url;
use crate::tree::{Kind, Objects, Tree, TreePath};
use std::io;

/// Why the archives of a base image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// No archive at all.
    #[error(
        "the base image's apt has no archive of packages in /etc/apt/sources.list or sources.list.d"
    )]
    NoArchive,
    /// A file cannot be read from the store.
    #[error("cannot read `{path}` of the base image")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A sources file that apt would refuse too.
    #[error("cannot understand `{path}` of the base image")]
    Sources {
        /// The file.
        path: String,
        /// What is wrong.
        source: SourcesError,
    },
    /// Preferences that we cannot follow, so that other versions would come than with apt.
    #[error("cannot follow `{path}` of the base image")]
    Preferences {
        /// The file.
        path: String,
        /// What is wrong.
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
        /// What stands in the place of the suite.
        suite: String,
    },
    /// The keys of an archive cannot be used.
    #[error("cannot use the keys `{keys}` of the base image's archive `{uri}`")]
    Keys {
        /// The archive.
        uri: String,
        /// What Signed-By says.
        keys: String,
        /// Why not.
        source: Box<KeyringError>,
    },
}

/// What a person puts in the place of the base's own.
#[derive(Clone, Copy, Debug)]
pub struct Instead<'a> {
    /// Mirrors of Debian's archives.
    pub mirrors: Option<&'a DebianMirrors>,
    /// Keys of Debian's archives.
    pub keyring: Option<&'a Keyring>,
    /// Whether archives may be older than they say.
    pub freshness: Freshness,
}

/// The files of a base image that apt reads.
struct Files<'a> {
    tree: &'a Tree,
    objects: &'a dyn Objects,
}

/// The archives of the base image whose root is `tree`.
pub fn repositories(
    tree: &Tree,
    objects: &dyn Objects,
    instead: Instead<'_>,
) -> Result<Vec<Repository>, AptError> {
    let files = Files { tree, objects };
    let mut entries = files.entries()?;
    sources::expand_mirror_lists(&mut entries, |path| {
        let text = files.bytes(path.to_str()?).ok()??;
        String::from_utf8(text).ok()
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

/// Which versions the apt of the base image whose root is `tree` prefers.
pub fn preferences(tree: &Tree, objects: &dyn Objects) -> Result<Preferences, AptError> {
    let files = Files { tree, objects };
    let mut paths = vec!["/etc/apt/preferences".to_owned()];
    // Other names are backups and the like (apt_preferences(5)).
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

/// What a line of apt.conf(5) sets `APT::Default-Release` to.
fn default_release(line: &str) -> Option<&str> {
    const OPTION: &str = "APT::Default-Release";
    let (option, value) = line.trim().split_at_checked(OPTION.len())?;
    let value = value.trim().trim_end_matches(';').trim().trim_matches('"');
    (option.eq_ignore_ascii_case(OPTION) && !value.is_empty()).then_some(value)
}

/// Adds `repository`, or its components if it is there already.
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
    /// The content of the file at `path`, if it is there.
    fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, AptError> {
        let Some(id) = TreePath::parse(path.as_bytes())
            .ok()
            .and_then(|path| self.tree.resolve(&path))
        else {
            return Ok(None);
        };
        let Kind::File(content) = &self.tree.node(id).kind else {
            return Ok(None);
        };
        let read = content.read(self.objects);
        let read = read.map_err(|source| AptError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Some(read.to_vec()))
    }

    /// The paths of the files in `folder` whose names end in one of `endings`, in their order.
    fn in_folder(&self, folder: &str, endings: &[&str]) -> Vec<String> {
        let path = TreePath::parse(folder.as_bytes()).expect("a plain path");
        let Some(id) = self.tree.resolve(&path) else {
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
            // Lines of a field: a single dot stands for an empty one (deb822(5)).
            let lines = signed_by.lines().map(str::trim);
            let block: String = lines
                .map(|line| {
                    if line == "." {
                        "\n".to_owned()
                    } else {
                        format!("{line}\n")
                    }
                })
                .collect();
            return Keyring::parse(block.as_bytes()).map_err(failed);
        }
        let words = signed_by.split([',', ' ', '\t', '\n']);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let mut ring: Option<Keyring> = None;
        for word in words {
            let more = match word.starts_with('/') {
                true => Keyring::parse(&self.bytes(word)?.unwrap_or_default()).map_err(failed)?,
                // A trailing `!` forbids subkeys, which no archive relies on.
                false => self
                    .trusted(uri)?
                    .only(word.trim_end_matches('!'))
                    .map_err(failed)?,
            };
            ring = Some(match ring {
                Some(ring) => ring.joined(more),
                None => more,
            });
        }
        ring.ok_or_else(|| failed(KeyringError::Empty))
    }

    /// The keys for every archive that names none.
    fn trusted(&self, uri: &str) -> Result<Keyring, AptError> {
        let mut paths = vec!["/etc/apt/trusted.gpg".to_owned()];
        paths.extend(self.in_folder("/etc/apt/trusted.gpg.d", &[".gpg", ".asc"]));
        let mut ring: Option<Keyring> = None;
        for path in paths {
            let bytes = self.bytes(&path)?.unwrap_or_default();
            // As apt does: what is no keyring vouches for nothing.
            let Ok(more) = Keyring::parse(&bytes) else {
                continue;
            };
            ring = Some(match ring {
                Some(ring) => ring.joined(more),
                None => more,
            });
        }
        ring.ok_or_else(|| AptError::Keys {
            uri: uri.to_owned(),
            keys: "/etc/apt/trusted.gpg.d".to_owned(),
            source: Box::new(KeyringError::Empty),
        })
    }
}

/// An address without scheme, password and end slash: `archive.raspberrypi.com/debian`.
fn short(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
    let login = host.rfind('@').map_or(0, |at| at + 1);
    let rest = &rest[login..];
    rest.trim_matches('/')
}
