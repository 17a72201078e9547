//! One package as dpkg records it: a stanza of `/var/lib/dpkg/status`.
//!
//! dpkg parses a stanza into typed fields and writes them in its own order and spelling
//! (`lib/dpkg/parse.c` and `dump.c`): relations are normalized, an epoch of 0 is dropped, and empty
//! and default values are left out. Fields that dpkg does not know follow in the order of the
//! control file.

use super::conffile::{Conffile, NotAConffile, known_conffiles};
use crate::dpkg::control::{ControlError, Stanza};
use crate::dpkg::relation::{self, Constraint, Relation, RelationError};
use crate::dpkg::status::Status;
use crate::dpkg::version::{self, NotAVersion};

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

/// Fields of an archive's index that dpkg removes from the stanza of a package.
const DROPPED: [&str; 4] = ["Filename", "Size", "MD5sum", "MSDOS-Filename"];

/// The spelling that dpkg gives to a value.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Lower,
    /// `yes`; any other value is left out.
    Flag,
    Priority,
    MultiArch,
    Version,
    Relations,
    Conffiles,
}

/// Why a stanza is not that of a package.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The stanza is malformed, or lacks a field.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The text is not UTF-8, which Debian policy demands.
    #[error("the control file is not UTF-8 text")]
    NotText,
    /// There is no stanza.
    #[error("the control file is empty")]
    Empty,
    /// A field of relations cannot be parsed.
    #[error("field `{0}`")]
    Relation(&'static str, #[source] RelationError),
    /// The version is invalid.
    #[error("field `Version`")]
    Version(#[from] NotAVersion),
    /// A line of conffiles cannot be parsed.
    #[error(transparent)]
    Conffile(#[from] NotAConffile),
}

/// A package of the database.
#[derive(Clone, Debug)]
pub struct Record {
    /// The values of [`FIELDS`], at the same indices and in dpkg's spelling; Conffiles has none
    /// here.
    known: Vec<Option<String>>,
    /// The fields that dpkg does not know.
    others: Vec<(String, String)>,
    /// Its configuration files.
    pub conffiles: Vec<Conffile>,
}

impl Record {
    /// Reads the stanza of a control file or of `status`.
    ///
    /// # Errors
    ///
    /// A field that dpkg needs is missing, empty or malformed.
    pub fn new(stanza: &Stanza<'_>) -> Result<Self, RecordError> {
        for name in ["Package", "Version", "Architecture"] {
            // dpkg knows no package without these fields, and writes no empty field.
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

    /// The package's name in info files and triggers: `libc6:arm64` for a package that may be
    /// installed for several architectures at once, else `tor`.
    pub fn info_name(&self) -> String {
        match self.get("Multi-Arch") {
            Some("same") => format!("{}:{}", self.name(), self.architecture()),
            _ => self.name().to_owned(),
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
                let admits = |constraint: Constraint<'_>| constraint.admits(other.version());
                relation.name == other.name() && relation.constraint.is_none_or(admits)
            })
    }

    /// The text of the stanza. It is in bytes, because paths of conffiles need not be UTF-8.
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

/// `value` in dpkg's spelling; `None` if dpkg leaves the field out.
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
            let relations = relations(value);
            let relations = relations.map_err(|error| RecordError::Relation(field, error))?;
            (!relations.is_empty()).then_some(relations)
        }
    })
}

fn relations(value: &str) -> Result<String, RelationError> {
    let spelled = |relation: &Relation<'_>| {
        let qualifier = relation.qualifier.map(|word| format!(":{word}"));
        let constraint = relation.constraint.map(|Constraint { operator, version }| {
            format!(" ({operator} {})", spelled_version(version))
        });
        let name = relation.name.to_ascii_lowercase();
        name + &qualifier.unwrap_or_default() + &constraint.unwrap_or_default()
    };
    let parsed = relation::parse(value)?.into_iter();
    let alternatives = parsed.map(|group| {
        let spelled: Vec<String> = group.0.iter().map(spelled).collect();
        spelled.join(" | ")
    });
    Ok(alternatives.collect::<Vec<_>>().join(", "))
}

/// The version as dpkg writes it: without an epoch of 0, and without leading zeros of the epoch.
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
