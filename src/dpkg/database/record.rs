//! One package in the form in which dpkg keeps it: a stanza of `/var/lib/dpkg/status`.
//!
//! dpkg parses a stanza into typed fields and writes them again in its own order and spelling
//! (`lib/dpkg/parse.c` and `dump.c`): relations are normalized, an epoch of 0 is dropped, empty and
//! default values vanish, and what it does not know follows in the order of the control file.

use super::conffile::{Conffile, NotAConffile, known_conffiles};
use crate::dpkg::control::{ControlError, Stanza};
use crate::dpkg::relation::{self, RelationError};
use crate::dpkg::status::Status;
use crate::dpkg::version::{self, NotAVersion};
use std::fmt::Write;

/// The fields that dpkg knows, in the order in which it writes them.
const FIELDS: [(&str, Form); 28] = [
    ("Package", Form::Lower),
    ("Essential", Form::Flag),
    ("Protected", Form::Flag),
    ("Status", Form::Text),
    ("Priority", Form::Priority),
    ("Section", Form::Text),
    ("Installed-Size", Form::Text),
    ("Origin", Form::Text),
    ("Maintainer", Form::Text),
    ("Bugs", Form::Text),
    ("Architecture", Form::Text),
    ("Multi-Arch", Form::MultiArch),
    ("Source", Form::Text),
    ("Version", Form::Version),
    ("Config-Version", Form::Version),
    ("Replaces", Form::Relations),
    ("Provides", Form::Relations),
    ("Depends", Form::Relations),
    ("Pre-Depends", Form::Relations),
    ("Recommends", Form::Relations),
    ("Suggests", Form::Relations),
    ("Breaks", Form::Relations),
    ("Conflicts", Form::Relations),
    ("Enhances", Form::Relations),
    ("Conffiles", Form::Conffiles),
    ("Description", Form::Text),
    ("Triggers-Pending", Form::Text),
    ("Triggers-Awaited", Form::Text),
];

/// Fields of an archive's index that dpkg takes out of a package's own stanza.
const DROPPED: [&str; 4] = ["Filename", "Size", "MD5sum", "MSDOS-Filename"];

/// How dpkg spells a value.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Lower,
    /// `yes`, or nothing.
    Flag,
    Priority,
    MultiArch,
    Version,
    Relations,
    Conffiles,
}

/// Why a stanza cannot be a package's.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No stanza at all, or a malformed one.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Not in UTF-8, which Debian policy asks for.
    #[error("the control file is not UTF-8 text")]
    NotText,
    /// There is no stanza.
    #[error("the control file is empty")]
    Empty,
    /// Relations that cannot be read.
    #[error("field `{field}`")]
    Relation {
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: RelationError,
    },
    /// A version that cannot be one.
    #[error("field `Version`")]
    Version(#[from] NotAVersion),
    /// A line of conffiles that cannot be read.
    #[error(transparent)]
    Conffile(#[from] NotAConffile),
}

/// A package of the database.
#[derive(Clone, Debug)]
pub struct Record {
    /// Values by their index in [`FIELDS`], as dpkg writes them; without Conffiles.
    known: Vec<Option<String>>,
    others: Vec<(String, String)>,
    /// Its configuration files.
    pub conffiles: Vec<Conffile>,
}

impl Record {
    /// Reads the stanza of a control file or of `status`.
    pub fn new(stanza: &Stanza<'_>) -> Result<Self, RecordError> {
        for name in ["Package", "Version", "Architecture"] {
            // dpkg has no package without them, and writes no empty field.
            if stanza.required(name)?.is_empty() {
                let line = stanza.line();
                return Err(ControlError::Missing { line, name }.into());
            }
        }
        version::check(stanza.required("Version")?)?;
        let mut known = vec![None; FIELDS.len()];
        let mut others = Vec::new();
        let mut conffiles = Vec::new();
        for field in stanza.fields() {
            let same = |name: &&str| name.eq_ignore_ascii_case(field.name);
            match FIELDS.iter().position(|(name, _)| same(name)) {
                Some(index) if FIELDS[index].0 == "Conffiles" => {
                    conffiles = known_conffiles(field)?
                }
                Some(index) => known[index] = spelled(FIELDS[index], field.value)?,
                None if DROPPED.iter().any(same) => {}
                None => others.push((field.name.to_owned(), field.value.to_owned())),
            }
        }
        Ok(Self {
            known,
            others,
            conffiles,
        })
    }

    /// The value of a field that dpkg knows.
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = FIELDS.iter().position(|(known, _)| *known == name)?;
        self.known[index].as_deref()
    }

    /// Sets a field that dpkg knows.
    pub fn set(&mut self, name: &str, value: &str) {
        let index = FIELDS.iter().position(|(known, _)| *known == name);
        self.known[index.expect("a field that dpkg knows")] = Some(value.to_owned());
    }

    /// The package's name.
    pub fn name(&self) -> &str {
        self.get("Package").unwrap_or_default()
    }

    /// Its architecture.
    pub fn architecture(&self) -> &str {
        self.get("Architecture").unwrap_or_default()
    }

    /// Its version.
    pub fn version(&self) -> &str {
        self.get("Version").unwrap_or_default()
    }

    /// Whether its scripts have run, so that it can be triggered.
    pub fn is_configured(&self) -> bool {
        let status = self.get("Status").and_then(Status::parse);
        status.is_some_and(|status| status.state.is_configured())
    }

    /// Whether builds for several architectures may be installed at once.
    pub fn is_same(&self) -> bool {
        self.get("Multi-Arch") == Some("same")
    }

    /// The name under which info files and triggers know it: `libc6:arm64`, `tor`.
    pub fn info_name(&self) -> String {
        match self.is_same() {
            true => format!("{}:{}", self.name(), self.architecture()),
            false => self.name().to_owned(),
        }
    }

    /// Whether this package declares that it replaces files of `other`.
    pub fn replaces(&self, other: &Record) -> bool {
        let field = self.get("Replaces").unwrap_or_default();
        let relations = relation::parse(field).expect("normalized when it was read");
        relations
            .iter()
            .flat_map(|alternatives| &alternatives.0)
            .any(|relation| {
                let admits =
                    |constraint: relation::Constraint<'_>| constraint.admits(other.version());
                relation.name == other.name() && relation.constraint.is_none_or(admits)
            })
    }

    /// The stanza, as bytes because paths of conffiles are.
    pub fn show(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for ((name, _), value) in FIELDS.iter().zip(&self.known) {
            if let Some(value) = value {
                bytes.extend(format!("{name}: {value}\n").bytes());
            }
            if *name == "Conffiles" && !self.conffiles.is_empty() {
                bytes.extend(b"Conffiles:\n");
                self.conffiles
                    .iter()
                    .for_each(|conffile| conffile.show(&mut bytes));
            }
        }
        for (name, value) in &self.others {
            bytes.extend(format!("{name}: {value}\n").bytes());
        }
        bytes
    }
}

/// `value` as dpkg writes it; nothing where it leaves the field out.
fn spelled(
    (field, form): (&'static str, Form),
    value: &str,
) -> Result<Option<String>, RecordError> {
    let lower = value.to_ascii_lowercase();
    Ok(match form {
        _ if value.is_empty() => None,
        Form::Text | Form::Conffiles => Some(value.to_owned()),
        Form::Lower => Some(lower),
        Form::Flag => (lower == "yes").then_some(lower),
        Form::MultiArch => (lower != "no").then_some(lower),
        Form::Version => Some(spelled_version(value)),
        Form::Priority => match lower.as_str() {
            "unknown" => None,
            "required" | "important" | "standard" | "optional" | "extra" => Some(lower),
            _ => Some(value.to_owned()),
        },
        Form::Relations => {
            let relations =
                relations(value).map_err(|source| RecordError::Relation { field, source })?;
            (!relations.is_empty()).then_some(relations)
        }
    })
}

fn relations(value: &str) -> Result<String, RelationError> {
    let mut text = String::new();
    for alternatives in relation::parse(value)? {
        text.push_str(if text.is_empty() { "" } else { ", " });
        for (n, relation) in alternatives.0.iter().enumerate() {
            text.push_str(if n == 0 { "" } else { " | " });
            text.push_str(&relation.name.to_ascii_lowercase());
            if let Some(qualifier) = relation.qualifier {
                write!(text, ":{qualifier}").expect("a String takes all");
            }
            if let Some(constraint) = relation.constraint {
                let version = spelled_version(constraint.version);
                write!(text, " ({} {version})", constraint.operator).expect("a String takes all");
            }
        }
    }
    Ok(text)
}

/// An epoch of 0 is not written, and others without leading zeros.
fn spelled_version(text: &str) -> String {
    match text
        .split_once(':')
        .map(|(epoch, rest)| (epoch.trim_start_matches('0'), rest))
    {
        Some(("", rest)) => rest.to_owned(),
        Some((epoch, rest)) => format!("{epoch}:{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpkg::control;
    use crate::dpkg::database::declared_conffiles;

    fn record(text: &str) -> Record {
        let stanza = control::parse(text).next().unwrap().unwrap();
        Record::new(&stanza).unwrap()
    }

    #[test]
    fn a_control_stanza_becomes_dpkgs_own_spelling() {
        let mut record = record(
            "Package: Foo\nVersion: 0:1.0-1\nHomepage: https://deb.example\nEssential: no\n\
             Priority: Optional\nDepends: libc6(>=2.41),a|b:any( < 00:2 ),\n c\nArchitecture: arm64\n\
             Multi-Arch: same\nFilename: x\nDescription: short\n long  \n .\nTag: a\n",
        );
        record.set("Status", "install ok unpacked");
        record.conffiles = declared_conffiles(b"/etc/\xff \nremove-on-upgrade /etc/b\n").unwrap();
        let expected = b"Package: foo\nStatus: install ok unpacked\nPriority: optional\n\
             Architecture: arm64\nMulti-Arch: same\nVersion: 1.0-1\n\
             Depends: libc6 (>= 2.41), a | b:any (<= 2), c\n\
             Conffiles:\n /etc/\xff newconffile\n /etc/b newconffile remove-on-upgrade\n\
             Description: short\n long  \n .\nHomepage: https://deb.example\nTag: a\n";
        assert_eq!(
            record.show().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        assert_eq!(record.info_name(), "foo:arm64");
    }

    #[test]
    fn a_stanza_of_status_reads_back_as_it_was() {
        let text = "Package: tor\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2\n\
             Conffiles:\n /etc/tor/a b 0123 obsolete\n /etc/x newconffile remove-on-upgrade\n\
             Description: x\nTriggers-Awaited: man-db\n";
        assert_eq!(String::from_utf8(record(text).show()).unwrap(), text);
    }

    #[test]
    fn replaces_looks_at_the_version() {
        let new = record("Package: n\nVersion: 1\nArchitecture: all\nReplaces: a, old (<< 2)\n");
        let old = |version: &str| {
            record(&format!(
                "Package: old\nVersion: {version}\nArchitecture: all\n"
            ))
        };
        assert!(new.replaces(&old("1.9")));
        assert!(!new.replaces(&old("2")));
        assert!(!old("1").replaces(&new));
    }
}
