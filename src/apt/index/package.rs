//! One package of an index.

use super::Index;
use crate::digest::Sha256;
use crate::lock::LockedPackage;
use std::fmt;

/// The priority of a package (Debian policy 2.5), the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The package is part of the smallest system that works.
    Required,
    /// The package is expected on any Unix-like system.
    Important,
    /// The package is part of a small system for the terminal.
    Standard,
    /// The package has no higher priority.
    Optional,
    /// The same as `Optional`, in old archives.
    Extra,
    /// The package has no priority, or one that is not known here.
    Unknown,
}

impl Priority {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "required" => Self::Required,
            "important" => Self::Important,
            "standard" => Self::Standard,
            "optional" => Self::Optional,
            "extra" => Self::Extra,
            _ => Self::Unknown,
        }
    }
}

/// The fields that are stored as text. Those that name packages are in the order in which apt reads
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// `Package`
    Name,
    /// `Version`
    Version,
    /// `Architecture`
    Architecture,
    /// `Source`
    Source,
    /// `Filename`
    Filename,
    /// `Pre-Depends`
    PreDepends,
    /// `Depends`
    Depends,
    /// `Conflicts`
    Conflicts,
    /// `Breaks`
    Breaks,
    /// `Recommends`
    Recommends,
    /// `Suggests`
    Suggests,
    /// `Replaces`
    Replaces,
    /// `Enhances`
    Enhances,
    /// `Provides`
    Provides,
}

impl Text {
    pub(super) const COUNT: usize = 14;
    /// The fields that name other packages, in apt's order.
    pub const RELATIONS: [Self; 9] = [
        Self::PreDepends,
        Self::Depends,
        Self::Conflicts,
        Self::Breaks,
        Self::Recommends,
        Self::Suggests,
        Self::Replaces,
        Self::Enhances,
        Self::Provides,
    ];
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "Package",
            Self::Version => "Version",
            Self::Architecture => "Architecture",
            Self::Source => "Source",
            Self::Filename => "Filename",
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
            Self::Replaces => "Replaces",
            Self::Enhances => "Enhances",
            Self::Provides => "Provides",
        })
    }
}

/// The place of a value in the text of the index.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) length: u32,
}

/// The data that an index stores of a package.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) texts: [Span; Text::COUNT],
    pub(super) size: u64,
    pub(super) sha256: Sha256,
    pub(super) priority: Priority,
    pub(super) essential: bool,
    pub(super) protected: bool,
    pub(super) any_architecture: bool,
    pub(super) held: bool,
}

/// A package of an index.
#[derive(Clone, Copy)]
pub struct Package<'a> {
    pub(super) index: &'a Index,
    pub(super) record: &'a Record,
}

impl<'a> Package<'a> {
    /// The package as a lock pins it. `automatic` means that it is installed only because another
    /// package needs it.
    pub fn locked(&self, automatic: bool) -> LockedPackage {
        LockedPackage {
            name: self.name().to_owned(),
            architecture: self.architecture().to_owned(),
            version: self.version().to_owned(),
            repository: self.repository().to_owned(),
            path: self.filename().to_owned(),
            size: self.size(),
            sha256: self.sha256(),
            automatic,
        }
    }

    /// The value of `field`; empty if the package lacks the field.
    pub fn text(&self, field: Text) -> &'a str {
        let Span { start, length } = self.record.texts[field as usize];
        let (start, length) = (start as usize, length as usize);
        &self.index.text[start..start + length]
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.text(Text::Name)
    }

    /// Its version.
    pub fn version(&self) -> &'a str {
        self.text(Text::Version)
    }

    /// Its architecture, or `all`.
    pub fn architecture(&self) -> &'a str {
        self.text(Text::Architecture)
    }

    /// The repository whose index names it.
    pub fn repository(&self) -> &'a str {
        &self.index.repository
    }

    /// The name and the version of the source package that it was built from.
    pub fn source(&self) -> (&'a str, &'a str) {
        match self.text(Text::Source).split_once('(') {
            Some((name, version)) => (name.trim_ascii(), version.trim_end_matches(')')),
            None if self.text(Text::Source).is_empty() => (self.name(), self.version()),
            None => (self.text(Text::Source), self.version()),
        }
    }

    /// Path of its file below the archive's root.
    pub fn filename(&self) -> &'a str {
        self.text(Text::Filename)
    }

    /// Length of its file in bytes.
    pub fn size(&self) -> u64 {
        self.record.size
    }

    /// Digest of its file.
    pub fn sha256(&self) -> Sha256 {
        self.record.sha256
    }

    /// Its priority.
    pub fn priority(&self) -> Priority {
        self.record.priority
    }

    /// Whether it is `Essential`.
    pub fn essential(&self) -> bool {
        self.record.essential
    }

    /// Whether it is `Protected`, or `Important` in apt's sense: some systems do not start without
    /// it.
    pub fn protected(&self) -> bool {
        self.record.protected
    }

    /// Whether it satisfies `name:any` (`Multi-Arch: allowed`).
    pub fn any_architecture(&self) -> bool {
        self.record.any_architecture
    }

    /// Whether the administrator has put it on hold.
    pub fn held(&self) -> bool {
        self.record.held
    }
}

impl fmt::Display for Package<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, version, from) = (self.name(), self.version(), self.repository());
        write!(f, "{name} {version} ({from})")
    }
}

impl fmt::Debug for Package<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
