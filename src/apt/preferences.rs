//! Decides which version of a package apt prefers, by /etc/apt/preferences and its folder
//! (apt_preferences(5)).
//!
//! A record that names packages has precedence over one for all packages, and an earlier record
//! over a later one. A version without a record has the priority of its archive: 500, or 100 or 1
//! if the archive says that nothing is taken from it automatically.

use super::release::Release;
use crate::dpkg::control;
use crate::glob::glob;
use std::collections::BTreeMap;

/// The priority of an archive without `NotAutomatic`.
pub const USUAL: i32 = 500;
/// The priority of installed versions, and of an archive with `NotAutomatic` and
/// `ButAutomaticUpgrades`.
pub const INSTALLED: i32 = 100;
/// The priority of an archive with `NotAutomatic` alone.
pub const NOT_AUTOMATIC: i32 = 1;
/// From this priority on, a version is taken even if it is older than the installed one.
pub const DOWNGRADE: i32 = 1000;

/// The priority of an archive from which nothing is ever taken.
const NEVER: i32 = -0x8000;

/// Preferences that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreferencesError {
    /// The text is not a sequence of stanzas, or a stanza lacks a field.
    #[error("record {record}: expected the fields `Package`, `Pin` and `Pin-Priority`")]
    Form {
        /// The record, from 1 on.
        record: usize,
    },
    /// The pin has a kind that apt does not know, or a form that is not supported here.
    #[error(
        "record {record}: `{found}`: expected `version …`, `release …` or `origin …` with names and \
         wildcards; regular expressions are not followed"
    )]
    Pin {
        /// The record.
        record: usize,
        /// The text of the field.
        found: String,
    },
    /// The priority is not a valid number.
    #[error(
        "record {record}: `Pin-Priority` is `{found}`, expected a number other than 0, or `never` for \
         all packages"
    )]
    Priority {
        /// The record.
        record: usize,
        /// The text of the field.
        found: String,
    },
}

/// The properties of a package index that pins match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// The host that it comes from: empty for files of this machine, `None` for installed packages.
    pub site: Option<String>,
    /// The properties by the letters of a `release` pin: a suite, n codename, v version, o origin,
    /// l label, c component, b architecture.
    pub release: BTreeMap<char, String>,
    /// Its priority if no pin matches it.
    pub priority: i32,
}

impl Archive {
    /// The index of `component` for `architecture` of `release`, from the host `site`.
    pub fn new(release: &Release, site: &str, component: &str, architecture: &str) -> Self {
        let described = [
            ('a', &release.suite),
            ('n', &release.codename),
            ('v', &release.version),
            ('o', &release.origin),
            ('l', &release.label),
        ];
        let described = described
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)));
        let own = [('c', component), ('b', architecture)];
        Self {
            site: Some(site.to_owned()),
            release: described
                .chain(own.map(|(key, value)| (key, value.to_owned())))
                .collect(),
            priority: match (release.not_automatic, release.but_automatic_upgrades) {
                (false, _) => USUAL,
                (true, true) => INSTALLED,
                (true, false) => NOT_AUTOMATIC,
            },
        }
    }

    /// The archive that apt assumes for all installed packages.
    pub fn installed() -> Self {
        Self {
            site: None,
            release: BTreeMap::from([('a', "now".to_owned())]),
            priority: INSTALLED,
        }
    }
}

/// A version of a package, with the properties that pins match.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The package.
    pub name: &'a str,
    /// The source package that it is built from.
    pub source: &'a str,
    /// Its architecture.
    pub architecture: &'a str,
    /// The version.
    pub version: &'a str,
    /// The archives that have it.
    pub archives: &'a [&'a Archive],
}

/// All records, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences(Vec<Record>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// One word of `Package`; `None` for all packages.
    package: Option<String>,
    pin: Pin,
    priority: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    Version(String),
    Origin(String),
    /// `release trixie`: a suite, a codename, or, if it starts with a digit, a version.
    Suite(String),
    Release(Vec<(char, String)>),
}

impl Preferences {
    /// Adds the records of one file.
    ///
    /// # Errors
    ///
    /// A record is malformed or not supported.
    pub fn add(&mut self, text: &str) -> Result<(), PreferencesError> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        for (index, stanza) in control::parse(&text).enumerate() {
            let record = index + 1;
            let form = || PreferencesError::Form { record };
            let stanza = stanza.map_err(|_| form())?;
            let field = |name| stanza.folded(name).ok_or_else(form);
            let (packages, pin, priority) =
                (field("Package")?, field("Pin")?, field("Pin-Priority")?);
            let priority =
                priority_of(priority.trim()).ok_or_else(|| PreferencesError::Priority {
                    record,
                    found: priority.to_string(),
                })?;
            let odd = |found: &str| PreferencesError::Pin {
                record,
                found: found.to_owned(),
            };
            for package in packages.split_whitespace() {
                let package = Some(package.to_owned()).filter(|name| name != "*");
                let expression = package.as_deref().is_some_and(|name| name.contains('/'));
                // Only a record that names packages can pin a version.
                let parsed = Pin::parse(pin.trim())
                    .filter(|pin| package.is_some() || !matches!(pin, Pin::Version(_)));
                let parsed = parsed.ok_or_else(|| odd(&pin))?;
                if package.is_some() && priority == NEVER {
                    let found = "never".to_owned();
                    return Err(PreferencesError::Priority { record, found });
                }
                if expression {
                    return Err(odd(package.as_deref().unwrap_or_default()));
                }
                self.0.push(Record {
                    package,
                    pin: parsed,
                    priority,
                });
            }
        }
        Ok(())
    }

    /// Prefers the release `name` over all records, as apt's option `APT::Default-Release` does.
    pub fn prefer(&mut self, name: &str) {
        let record = Record {
            package: None,
            pin: Pin::Suite(name.to_owned()),
            priority: 990,
        };
        self.0.insert(0, record);
    }

    /// The priority that records which name packages give to `candidate`.
    fn named(&self, candidate: Candidate<'_>) -> Option<i32> {
        let mut records = self.0.iter();
        let found = records.find(|record| {
            let name = record.package.as_deref();
            name.is_some_and(|name| is_package(name, candidate)) && record.pin.is(candidate)
        });
        found.map(|record| record.priority)
    }

    /// The priority of the packages of `archive` that no record names.
    pub fn of_archive(&self, archive: &Archive) -> i32 {
        let all = self.0.iter().filter(|record| record.package.is_none());
        let mut found = all.filter(|record| record.pin.is_archive(archive));
        match found.clone().any(|record| record.priority == NEVER) {
            true => NEVER,
            false => found
                .next()
                .map_or(archive.priority, |record| record.priority),
        }
    }

    /// The priority of `candidate`, by name or by its best archive.
    pub fn of(&self, candidate: Candidate<'_>) -> i32 {
        let archives = candidate.archives.iter();
        let best = archives.map(|archive| self.of_archive(archive)).max();
        match best {
            // A record that names the package does not change that.
            Some(NEVER) => NEVER,
            best => self.named(candidate).or(best).unwrap_or_default(),
        }
    }
}

fn priority_of(text: &str) -> Option<i32> {
    if text == "never" {
        return Some(NEVER);
    }
    let priority: i16 = text.parse().ok()?;
    (priority != 0).then(|| i32::from(priority))
}

/// Whether `pattern` matches `candidate`. It is a name or has wildcards, and may be limited to an
/// architecture or name the source package.
fn is_package(pattern: &str, candidate: Candidate<'_>) -> bool {
    let (pattern, name) = match pattern.strip_prefix("src:") {
        Some(pattern) => (pattern, candidate.source),
        None => (pattern, candidate.name),
    };
    let (pattern, architecture) = match pattern.split_once(':') {
        Some((pattern, architecture)) => (pattern, Some(architecture)),
        None => (pattern, None),
    };
    let fits = |wanted: &str| {
        ["any", "native", candidate.architecture].contains(&wanted)
            || candidate.architecture == "all"
    };
    glob(pattern.as_bytes(), name.as_bytes()) && architecture.is_none_or(fits)
}

impl Pin {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let expression = |text: &str| text.starts_with('/');
        let parsed = match kind.to_ascii_lowercase().as_str() {
            "version" if !rest.is_empty() => Self::Version(rest.to_owned()),
            "origin" => Self::Origin(rest.trim_matches('"').to_owned()),
            "release" if rest.contains('=') => {
                let part = |part: &str| {
                    let (key, value) = part.trim().split_once('=')?;
                    let key = key.chars().next().filter(|_| key.len() == 1)?;
                    let known = "anvolcb".contains(key) && !expression(value);
                    known.then(|| (key, value.to_owned()))
                };
                Self::Release(rest.split(',').map(part).collect::<Option<_>>()?)
            }
            "release" if !rest.is_empty() => Self::Suite(rest.to_owned()),
            _ => return None,
        };
        (!expression(rest)).then_some(parsed)
    }

    fn is(&self, candidate: Candidate<'_>) -> bool {
        match self {
            Self::Version(pattern) => glob(pattern.as_bytes(), candidate.version.as_bytes()),
            _ => candidate
                .archives
                .iter()
                .any(|archive| self.is_archive(archive)),
        }
    }

    fn is_archive(&self, archive: &Archive) -> bool {
        let is = |key: char, pattern: &str| {
            let value = archive.release.get(&key);
            value.is_some_and(|value| glob(pattern.as_bytes(), value.as_bytes()))
        };
        match self {
            Self::Version(_) => false,
            Self::Origin(pattern) => {
                let site = archive.site.as_deref();
                site.is_some_and(|site| glob(pattern.as_bytes(), site.as_bytes()))
            }
            Self::Suite(name) if name.starts_with(|c: char| c.is_ascii_digit()) => is('v', name),
            Self::Suite(name) => is('a', name) || is('n', name),
            Self::Release(parts) => parts.iter().all(|(key, pattern)| is(*key, pattern)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_known_by_its_host() {
        let mut preferences = Preferences::default();
        let text =
            "# of the vendor\nPackage: *\nPin: origin \"archive.*.com\"\nPin-Priority: 600\n";
        preferences.add(text).unwrap();
        let archive = |site: &str| Archive {
            site: Some(site.to_owned()),
            priority: USUAL,
            ..Archive::default()
        };
        assert_eq!(preferences.of_archive(&archive("archive.example.com")), 600);
        assert_eq!(preferences.of_archive(&archive("deb.example.com")), USUAL);
    }

    #[test]
    fn what_is_not_followed_is_said() {
        let refused = |text: &str| Preferences::default().add(text).unwrap_err();
        let record = 1;
        for text in [
            "Package: a\nPin: release a=x\n",
            "Pin: release a=x\nPin-Priority: 1\n",
        ] {
            assert_eq!(refused(text), PreferencesError::Form { record });
        }
        for (package, pin, found) in [
            ("/^a/", "release a=x", "/^a/"),
            ("a", "release a=/x/", "release a=/x/"),
            ("a", "moon full", "moon full"),
            ("*", "version 1", "version 1"),
            ("a", "release q=1", "release q=1"),
        ] {
            let text = format!("Package: {package}\nPin: {pin}\nPin-Priority: 1\n");
            let found = found.to_owned();
            assert_eq!(refused(&text), PreferencesError::Pin { record, found });
        }
        let found = "0".to_owned();
        let zero = refused("Package: a\nPin: release a=x\nPin-Priority: 0\n");
        assert_eq!(zero, PreferencesError::Priority { record, found });
    }
}
