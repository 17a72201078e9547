//! `/var/lib/dpkg`, as dpkg reads and writes it.
//!
//! ```text
//! status              a stanza per package, sorted by name (record)
//! info/<name>.list    the paths of a package, `/.` first; beside it, members of its control.tar
//! info/format         1: the names of Multi-Arch: same packages carry `:<architecture>`
//! triggers/           the interests of packages (triggers)
//! diversions          files that are installed at other paths (redirect)
//! statoverride        owners and modes that replace those of packages (redirect)
//! ```
//!
//! The files that are written after packages were unpacked have the same bytes as those of `dpkg
//! --unpack`, but without its log and its backups.

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
use crate::tree::{Objects, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The folder of the database.
pub const FOLDER: &str = "/var/lib/dpkg";

/// Name and architecture, in the order of `status`.
pub type PackageKey = (String, String);

/// A package of the database.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its stanza of `status`.
    pub record: Record,
    /// Its paths, as in `<name>.list`.
    pub list: Vec<Vec<u8>>,
    /// The members of its control.tar that are to be added to `info`.
    pub info: BTreeMap<String, ControlMember>,
    /// Whether `list` differs from the file in the tree.
    pub list_is_new: bool,
}

impl Package {
    /// Its key in the database.
    pub fn key(&self) -> PackageKey {
        (
            self.record.name().to_owned(),
            self.record.architecture().to_owned(),
        )
    }
}

/// Why a database of dpkg or apt cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A file cannot be read.
    #[error("cannot read `{0}`")]
    Read(TreePath, #[source] io::Error),
    /// A stanza of `status` cannot be parsed.
    #[error("/var/lib/dpkg/status is damaged")]
    Status(#[source] RecordError),
    /// The diversions or overrides cannot be parsed.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
}

/// The database in memory.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Every package of `status`, including those of which only the configuration files are left.
    pub packages: BTreeMap<PackageKey, Package>,
    /// The interests in files and in named triggers.
    pub triggers: Triggers,
    /// The diversions.
    pub diversions: Diversions,
    /// The overridden owners and modes by path.
    pub overrides: BTreeMap<Vec<u8>, Override>,
}

impl Database {
    /// Reads the database of `tree`. It is empty if the tree has none.
    ///
    /// # Errors
    ///
    /// A file of the database is damaged or cannot be read.
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
            // A package that was never installed, and is only selected, has no version.
            if stanza.get("Version").is_none() {
                continue;
            }
            let record = Record::new(&stanza).map_err(DatabaseError::Status)?;
            let list = file(&format!("info/{}.list", record.info_name()))?;
            let lines = list.split(|byte| *byte == b'\n');
            let package = Package {
                record,
                list: (lines.filter(|line| !line.is_empty()))
                    .map(<[u8]>::to_vec)
                    .collect(),
                info: BTreeMap::new(),
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

    /// Activates the triggers of the `configured` packages that have an interest in files of
    /// `packages`.
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
    let Some(content) = tree.file(&path) else {
        return Ok(Vec::new());
    };
    let bytes = content.read(objects);
    let bytes = bytes.map_err(|error| DatabaseError::Read(path, error))?;
    Ok(bytes.to_vec())
}

/// A path of the database. The names of packages and members were checked before.
fn at(path: &str) -> TreePath {
    TreePath::parse(path.as_bytes()).expect("a path of the database has sound names")
}
