//! `/var/lib/dpkg`, as dpkg reads and writes it.
//!
//! ```text
//! status              a stanza per package, sorted by name (record)
//! info/<name>.list    the paths of a package, `/.` first; other members of its control.tar beside
//! info/format         1: the names of Multi-Arch: same packages carry `:<architecture>`
//! triggers/           who wants to know what (triggers)
//! diversions          paths that others must use instead (redirect)
//! statoverride        owners and modes that hold instead (redirect)
//! ```
//!
//! What is written after packages were unpacked is byte for byte what `dpkg --unpack` leaves, but
//! for what depends on the moment: locks are empty, and there is no log and no backup.

mod conffile;
mod record;
mod redirect;
mod triggers;
mod write;

pub use conffile::{Conffile, NotAConffile, declared_conffiles};
pub use record::{Record, RecordError};
pub use redirect::{Diversion, Diversions, Override, RedirectError};
pub use triggers::{Triggers, TriggersError};

use crate::dpkg::control;
use crate::dpkg::deb::ControlMember;
use crate::tree::{Kind, Objects, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The folder.
pub const FOLDER: &str = "/var/lib/dpkg";

/// Name and architecture, in the order of `status`.
pub type PackageKey = (String, String);

/// A package that is unpacked or more.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its stanza of `status`.
    pub record: Record,
    /// The paths it owns, as `<name>.list` has them.
    pub list: Vec<Vec<u8>>,
    /// Members of its control.tar that are new in `info`.
    pub info: BTreeMap<String, ControlMember>,
    /// Whether `list` is other than in the tree.
    pub list_is_new: bool,
}

impl Package {
    /// Where the database files it.
    pub fn key(&self) -> PackageKey {
        (
            self.record.name().to_owned(),
            self.record.architecture().to_owned(),
        )
    }
}

/// A database of dpkg or apt that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file within the tree.
        path: TreePath,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A stanza of `status` that cannot be read.
    #[error("/var/lib/dpkg/status is damaged")]
    Status(#[source] RecordError),
    /// Diversions or overrides.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
}

/// The database in memory.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Every package of `status`, also those of which only configuration is left.
    pub packages: BTreeMap<PackageKey, Package>,
    /// Interests in files and names.
    pub triggers: Triggers,
    /// Diverted paths.
    pub diversions: Diversions,
    /// Overridden owners and modes by path.
    pub overrides: BTreeMap<Vec<u8>, Override>,
}

impl Database {
    /// Reads the database that `tree` holds; an empty one if the tree has no database.
    pub fn read(tree: &Tree, objects: &dyn Objects) -> Result<Self, DatabaseError> {
        let file = |name: &str| read_file(tree, objects, &format!("{FOLDER}/{name}"));
        let mut database = Self {
            diversions: Diversions::parse(&file("diversions")?)?,
            overrides: redirect::parse_overrides(&file("statoverride")?)?,
            ..Self::default()
        };
        let status = file("status")?;
        let text = std::str::from_utf8(&status)
            .map_err(|_| DatabaseError::Status(RecordError::NotText))?;
        for stanza in control::parse(text) {
            let stanza = stanza.map_err(|error| DatabaseError::Status(error.into()))?;
            // Remembered selections of packages that are not installed have no version.
            if stanza.get("Version").is_none() {
                continue;
            }
            let record = Record::new(&stanza).map_err(DatabaseError::Status)?;
            let list = file(&format!("info/{}.list", record.info_name()))?;
            let list = list
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            let list = list.map(<[u8]>::to_vec).collect();
            let info = BTreeMap::new();
            let package = Package {
                record,
                list,
                info,
                list_is_new: false,
            };
            database.packages.insert(package.key(), package);
        }
        let folder = at(&format!("{FOLDER}/triggers"));
        if let Some(folder) = tree.resolve(&folder) {
            for (name, _) in tree.entries(folder) {
                let name = name.to_string();
                let content = file(&format!("triggers/{name}"))?;
                database
                    .triggers
                    .read(&name, &String::from_utf8_lossy(&content));
            }
        }
        Ok(database)
    }

    /// The packages that can be triggered, as [`Record::info_name`] gives them.
    pub fn configured(&self) -> BTreeSet<String> {
        let records = self.packages.values().map(|package| &package.record);
        let configured = records.filter(|record| record.is_configured());
        configured.map(Record::info_name).collect()
    }

    /// Activates the triggers of those of `configured` that want to know of files of `packages`.
    pub fn activate_files_of<'a>(
        &mut self,
        packages: impl Iterator<Item = &'a str>,
        configured: &BTreeSet<String>,
    ) {
        let names: BTreeSet<&str> = packages.collect();
        let new = self.packages.values();
        for package in new.filter(|package| names.contains(package.record.name())) {
            for path in &package.list {
                self.triggers.activate(path, configured);
            }
        }
    }
}

/// The content of the file at `path`; empty if there is no such file.
fn read_file(tree: &Tree, objects: &dyn Objects, path: &str) -> Result<Vec<u8>, DatabaseError> {
    let path = at(path);
    let node = tree.resolve(&path).map(|id| tree.node(id));
    let Some(Kind::File(content)) = node.map(|node| &node.kind) else {
        return Ok(Vec::new());
    };
    let bytes = content
        .read(objects)
        .map_err(|source| DatabaseError::Read { path, source })?;
    Ok(bytes.to_vec())
}

/// A path of the database. Names of packages and members were checked before they came here.
fn at(path: &str) -> TreePath {
    TreePath::parse(path.as_bytes()).expect("a path of the database has sound names")
}
