//! Package indices: a `Packages` file, or dpkg's `status`, as compact records.
//!
//! A record holds the offsets of its values in the text, so 70,000 packages take a few megabytes
//! beside the text. The fields that every package must have are checked here. Relations other than
//! `Provides` are parsed only for the packages that the solver looks at.

mod package;

pub use package::{Package, Priority, Text};

use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::dpkg::control::{self, ControlError, Field, Stanza};
use crate::dpkg::status::Status;
use crate::dpkg::{relation, version};
use package::{Record, Span};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why an index cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The text is not a sequence of stanzas, or a stanza lacks a field.
    #[error("cannot read the package index of `{repository}`")]
    Syntax {
        /// The repository of the index.
        repository: String,
        /// The mistake.
        source: ControlError,
    },
    /// The value of a field is invalid.
    #[error(
        "package index of `{repository}`, line {line}: field `{field}` is `{value}`: expected \
         {expected}"
    )]
    Value {
        /// The repository of the index.
        repository: String,
        /// The field's line.
        line: usize,
        /// The field's name.
        field: String,
        /// The start of the value.
        value: String,
        /// The expected value.
        expected: &'static str,
    },
    /// The text has more bytes than a record can address.
    #[error("the package index of `{repository}` has {length} bytes: at most 4 GiB can be read")]
    TooLong {
        /// The repository of the index.
        repository: String,
        /// The length of the text.
        length: usize,
    },
}

/// The packages of one architecture in one text.
#[derive(Clone)]
pub struct Index {
    repository: String,
    text: Arc<str>,
    records: Vec<Record>,
}

impl Index {
    /// Reads a `Packages` file of `repository`. Packages of architectures other than
    /// `architecture` and `all` are left out.
    ///
    /// # Errors
    ///
    /// The text is malformed, or a package lacks a field.
    pub fn packages(
        repository: &str,
        text: Arc<str>,
        architecture: Architecture,
    ) -> Result<Self, IndexError> {
        Self::read(repository, text, |reader, stanza| {
            let record = reader.record(stanza, architecture)?;
            if record.is_some() {
                for name in ["Filename", "Size", "SHA256"] {
                    reader.required(stanza, name)?;
                }
            }
            Ok(record)
        })
    }

    /// Reads the installed packages of dpkg's `status` file, configured or not. Messages call the
    /// file `name`.
    ///
    /// # Errors
    ///
    /// The text is malformed, or a package lacks a field.
    pub fn status(
        name: &str,
        text: Arc<str>,
        architecture: Architecture,
    ) -> Result<Self, IndexError> {
        Self::read(name, text, |reader, stanza| {
            match Status::parse(reader.required(stanza, "Status")?) {
                Some(Status { held, state }) if state.is_there() => {
                    let record = reader.record(stanza, architecture)?;
                    Ok(record.map(|record| Record { held, ..record }))
                }
                _ => Ok(None),
            }
        })
    }

    fn read(
        repository: &str,
        text: Arc<str>,
        record: impl Fn(&Reader<'_>, &Stanza<'_>) -> Result<Option<Record>, IndexError>,
    ) -> Result<Self, IndexError> {
        let repository = repository.to_owned();
        let length = text.len();
        if u32::try_from(length).is_err() {
            return Err(IndexError::TooLong { repository, length });
        }
        let reader = Reader {
            repository: &repository,
            text: &text,
        };
        let records = control::parse(&text)
            .filter_map(|stanza| match stanza {
                Ok(stanza) => record(&reader, &stanza).transpose(),
                Err(error) => Some(Err(reader.syntax(error))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            repository,
            text,
            records,
        })
    }

    /// The number of packages.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no package.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The name of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The package at `position`, in the order of the text.
    pub fn get(&self, position: usize) -> Option<Package<'_>> {
        let record = self.records.get(position)?;
        Some(Package {
            index: self,
            record,
        })
    }
}

impl fmt::Debug for Index {
    /// Leaves out the text, which has megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({}, {} packages)", self.repository, self.len())
    }
}

/// Turns stanzas into records.
struct Reader<'a> {
    repository: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn syntax(&self, source: ControlError) -> IndexError {
        let repository = self.repository.to_owned();
        IndexError::Syntax { repository, source }
    }

    fn required<'s>(&self, stanza: &Stanza<'s>, name: &'static str) -> Result<&'s str, IndexError> {
        stanza.required(name).map_err(|error| self.syntax(error))
    }

    fn refuse(&self, field: &Field<'_>, expected: &'static str) -> IndexError {
        IndexError::Value {
            repository: self.repository.to_owned(),
            line: field.line,
            field: field.name.to_owned(),
            value: field.value.chars().take(80).collect(),
            expected,
        }
    }

    fn span(&self, value: &str) -> Span {
        let start = value.as_ptr().addr() - self.text.as_ptr().addr();
        let number = |n: usize| u32::try_from(n).expect("the text is shorter than 4 GiB");
        Span {
            start: number(start),
            length: number(value.len()),
        }
    }

    /// The record of `stanza`; `None` if the package is for another architecture.
    fn record(
        &self,
        stanza: &Stanza<'_>,
        wanted: Architecture,
    ) -> Result<Option<Record>, IndexError> {
        let architecture = self.required(stanza, "Architecture")?;
        if architecture != "all" && architecture != wanted.debian() {
            return Ok(None);
        }
        for name in ["Package", "Version"] {
            self.required(stanza, name)?;
        }
        let mut record = Record {
            texts: [Span::default(); Text::COUNT],
            size: 0,
            sha256: Sha256([0; 32]),
            priority: Priority::Unknown,
            essential: false,
            protected: false,
            any_architecture: false,
            held: false,
        };
        for field in stanza.fields() {
            self.take(&mut record, field)?;
        }
        Ok(Some(record))
    }

    /// Enters `field` into `record`.
    fn take(&self, record: &mut Record, field: &Field<'_>) -> Result<(), IndexError> {
        let mut lower = [0; 12];
        let Some(name) = lower.get_mut(..field.name.len()) else {
            return Ok(());
        };
        name.copy_from_slice(field.name.as_bytes());
        name.make_ascii_lowercase();
        let valid = |valid: bool, expected| match valid {
            true => Ok(()),
            false => Err(self.refuse(field, expected)),
        };
        let text = match &*name {
            b"package" => {
                valid(relation::is_name(field.value), "a package name")?;
                Text::Name
            }
            b"version" => {
                valid(version::check(field.value).is_ok(), "a version")?;
                Text::Version
            }
            b"architecture" => Text::Architecture,
            b"source" => Text::Source,
            b"filename" => Text::Filename,
            b"pre-depends" => Text::PreDepends,
            b"depends" => Text::Depends,
            b"conflicts" => Text::Conflicts,
            b"breaks" => Text::Breaks,
            b"recommends" => Text::Recommends,
            b"suggests" => Text::Suggests,
            b"replaces" => Text::Replaces,
            b"enhances" => Text::Enhances,
            b"provides" => {
                let mut parts = field
                    .value
                    .split(',')
                    .filter(|p| !p.trim_ascii().is_empty());
                let readable = parts.all(|part| relation::parse_one(part).is_ok());
                valid(readable, "names, perhaps with `(= version)`")?;
                Text::Provides
            }
            _ => return self.take_flag(record, field, name),
        };
        record.texts[text as usize] = self.span(field.value);
        Ok(())
    }

    /// Enters a field that is not stored as text; `name` is its name in lower case.
    fn take_flag(
        &self,
        record: &mut Record,
        field: &Field<'_>,
        name: &[u8],
    ) -> Result<(), IndexError> {
        let value = field.value;
        match name {
            b"size" => record.size = number(value).ok_or_else(|| self.refuse(field, "a number"))?,
            b"sha256" => {
                let digest = Sha256::from_str(value);
                record.sha256 = digest.map_err(|_| self.refuse(field, "64 hexadecimal digits"))?;
            }
            b"priority" => record.priority = Priority::of(value),
            b"essential" => record.essential = value == "yes",
            b"protected" | b"important" => record.protected |= value == "yes",
            b"multi-arch" => record.any_architecture = value == "allowed",
            _ => {}
        }
        Ok(())
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOR: &str = "Package: tor\nVersion: 0.4-1\nArchitecture: arm64\nEssential: yes\n\
        Multi-Arch: allowed\nPriority: optional\nDepends: libc6,\n adduser\nfilename: pool/tor.deb\n\
        Source: tor-src (0.4)\nSize: 12\n\
        SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

    fn read(text: &str) -> Result<Index, IndexError> {
        Index::packages("deb", text.into(), Architecture::Arm64)
    }

    #[test]
    fn a_package_is_read() {
        let index = read(TOR).unwrap();
        let tor = index.get(0).unwrap();
        assert_eq!(tor.to_string(), "tor 0.4-1 (deb)");
        assert_eq!(tor.text(Text::Depends), "libc6,\n adduser");
        assert_eq!(tor.text(Text::Provides), "");
        assert_eq!(tor.source(), ("tor-src", "0.4"));
        assert_eq!((tor.filename(), tor.size()), ("pool/tor.deb", 12));
        assert_eq!(tor.sha256(), Sha256::of(b""));
        assert_eq!(tor.priority(), Priority::Optional);
        assert!(tor.essential() && tor.any_architecture() && !tor.protected());
        assert!(index.get(1).is_none());
    }

    #[test]
    fn other_architectures_are_left_out() {
        let all = TOR.replace("arm64", "all");
        let text = format!("{}\n{all}", TOR.replace("arm64", "amd64"));
        assert_eq!(read(&text).unwrap().len(), 1);
    }

    #[test]
    fn status_gives_what_is_installed() {
        let stanza = |name: &str, status: &str| {
            format!("Package: {name}\nStatus: {status}\nVersion: 1\nArchitecture: all\n\n")
        };
        let text = stanza("a", "install ok installed")
            + &stanza("b", "deinstall ok config-files")
            + &stanza("c", "hold ok unpacked");
        let index = Index::status("status", text.into(), Architecture::Arm64).unwrap();
        let names: Vec<_> = (0..index.len()).filter_map(|n| index.get(n)).collect();
        let names: Vec<_> = names.iter().map(|p| (p.name(), p.held())).collect();
        assert_eq!(names, [("a", false), ("c", true)]);
    }

    #[test]
    fn wrong_values_are_named() {
        for (from, to, message) in [
            (
                "tor\n",
                "t r\n",
                "line 1: field `Package` is `t r`: expected a package name",
            ),
            (
                "0.4-1",
                "0 4",
                "line 2: field `Version` is `0 4`: expected a version",
            ),
            (
                "Size: 12",
                "Size: -1",
                "line 11: field `Size` is `-1`: expected a number",
            ),
            (
                "SHA256: e",
                "SHA256: x",
                "line 12: field `SHA256` is `x3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`: expected 64 hexadecimal digits",
            ),
        ] {
            let error = read(&TOR.replacen(from, to, 1)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("package index of `deb`, {message}")
            );
        }
    }

    #[test]
    fn missing_fields_are_named() {
        for field in ["Package", "Version", "Architecture", "Size", "SHA256"] {
            let text = TOR.replace(&format!("{field}:"), "Other:");
            let missing = matches!(
                read(&text),
                Err(IndexError::Syntax { source: ControlError::Missing { line: 1, name }, .. }) if name == field
            );
            assert!(missing, "{field}");
        }
    }
}
