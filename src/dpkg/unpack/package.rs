//! Unpacks one package: its files, its record, and its part of the database.

use super::UnpackError;
use super::installer::{Incoming, Installer, listed_name};
use super::place::Placement;
use crate::architecture::Architecture;
use crate::digest::Sha256;
use crate::disk::device::FileDevice;
use crate::dpkg::control;
use crate::dpkg::database::{Package, Record, RecordError, declared_conffiles};
use crate::dpkg::deb::{self, ControlFiles, ControlMember, Entry, EntryKind, OpenDeb};
use crate::dpkg::{relation, version};
use crate::lock::LockedPackage;
use crate::store::Store;
use crate::tree::Objects;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

/// dpkg's limit for the name of a control member (MAXCONTROLFILENAME), which also keeps the names
/// of `info` short of 255 bytes.
const MAX_MEMBER_NAME: usize = 100;

impl Installer<'_> {
    /// Unpacks one package.
    pub(super) fn install(
        &mut self,
        locked: &LockedPackage,
        deb: &OpenDeb,
        architecture: Architecture,
    ) -> Result<(), UnpackError> {
        let name = &locked.name;
        let control = |error| UnpackError::Control(name.clone(), error);
        let mut record = record(&deb.control).map_err(control)?;
        verify(locked, &record, architecture)?;
        let mut known = self.database.packages.keys();
        if known.any(|(known, _)| known == name) {
            return Err(UnpackError::Twice {
                package: name.clone(),
            });
        }
        let conffiles = member(&deb.control, "conffiles");
        let conffiles = declared_conffiles(conffiles).map_err(|error| control(error.into()))?;
        record.conffiles = conffiles;
        let mut incoming = Incoming {
            record,
            data: deb.data,
        };
        let entries = entries(name, &deb.data, self.store)?;
        let mut placement = Placement::new(self, &mut incoming);
        for entry in &entries {
            placement.place(entry)?;
        }
        let list = placement.finish();
        let mut info = info(name, &deb.control)?;
        if !info.contains_key("md5sums") {
            let sums = md5sums(&list, &entries, &deb.data, self.store);
            info.insert("md5sums".to_owned(), sums.map_err(stored(name))?);
        }
        self.register(incoming.record, list, info)
    }

    fn register(
        &mut self,
        mut record: Record,
        list: Vec<Vec<u8>>,
        info: BTreeMap<String, ControlMember>,
    ) -> Result<(), UnpackError> {
        record.set("Status", "install ok unpacked");
        if let Some(member) = info.get("triggers") {
            let text = String::from_utf8_lossy(&member.bytes);
            let declared = self.database.triggers.declare(&text, &record.info_name());
            let name = || record.name().to_owned();
            declared.map_err(|error| UnpackError::Triggers(name(), error))?;
        }
        let package = Package {
            record,
            list,
            info,
            list_is_new: true,
        };
        for path in &package.list {
            self.listed
                .entry(path.clone())
                .or_default()
                .push(package.key());
        }
        self.database.packages.insert(package.key(), package);
        Ok(())
    }
}

fn stored(package: &str) -> impl Fn(io::Error) -> UnpackError {
    move |error| UnpackError::Store(package.to_owned(), error)
}

/// Every entry of `package`, whose files are the object `data`. Symlinks come last, as dpkg places
/// them last.
pub(super) fn entries(
    package: &str,
    data: &Sha256,
    store: &Store,
) -> Result<Vec<Entry>, UnpackError> {
    let archive = store.open(data).and_then(FileDevice::new);
    let archive = archive.map_err(stored(package))?;
    let entries = deb::entries(&archive);
    let mut entries = entries.map_err(|error| UnpackError::Tar(package.to_owned(), error))?;
    entries.sort_by_key(|entry| matches!(entry.kind, EntryKind::Symlink(_)));
    Ok(entries)
}

/// The control member `name`; empty if the package has none.
fn member<'a>(files: &'a ControlFiles, name: &str) -> &'a [u8] {
    files.get(name).map_or(&[][..], |file| &file.bytes)
}

fn record(files: &ControlFiles) -> Result<Record, RecordError> {
    let text = std::str::from_utf8(member(files, "control")).map_err(|_| RecordError::NotText)?;
    let stanza = control::parse(text).next().ok_or(RecordError::Empty)??;
    Record::new(&stanza)
}

/// Refuses a .deb that is not the `locked` package, or is for another architecture.
fn verify(
    locked: &LockedPackage,
    record: &Record,
    architecture: Architecture,
) -> Result<(), UnpackError> {
    let pairs = [
        ("Package", &locked.name, record.name()),
        ("Version", &locked.version, record.version()),
        ("Architecture", &locked.architecture, record.architecture()),
    ];
    let package = locked.name.clone();
    for (field, expected, found) in pairs {
        let fits = match field {
            "Version" => version::compare(expected, found).is_eq(),
            _ => expected == found && relation::is_name(found),
        };
        if !fits {
            let (expected, found) = (expected.clone(), found.to_owned());
            return Err(UnpackError::NotLocked {
                package,
                field,
                expected,
                found,
            });
        }
    }
    if record.name().len() > MAX_MEMBER_NAME {
        return Err(UnpackError::Member {
            package,
            member: record.name().to_owned(),
        });
    }
    let found = record.architecture().to_owned();
    if found != "all" && found != architecture.debian() {
        let expected = architecture.debian();
        return Err(UnpackError::Architecture {
            package,
            expected,
            found,
        });
    }
    Ok(())
}

/// The control members that the folder `info` gets: all but `control`, `list`, which dpkg writes
/// itself, and names with a dot.
fn info(
    package: &str,
    files: &ControlFiles,
) -> Result<BTreeMap<String, ControlMember>, UnpackError> {
    let is_copied = |name: &String| name != "control" && name != "list" && !name.contains('.');
    let mut info = BTreeMap::new();
    for (member, file) in files.iter().filter(|(name, _)| is_copied(name)) {
        if member.len() > MAX_MEMBER_NAME {
            let (package, member) = (package.to_owned(), member.clone());
            return Err(UnpackError::Member { package, member });
        }
        info.insert(member.clone(), file.clone());
    }
    Ok(info)
}

/// The member `md5sums` that dpkg makes for a package without one: a line for each regular file, in
/// the order of the package's list.
fn md5sums(
    list: &[Vec<u8>],
    entries: &[Entry],
    data: &Sha256,
    store: &Store,
) -> io::Result<ControlMember> {
    let mut archive = store.open(data)?;
    let mut sums: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for entry in entries {
        let sum = match &entry.kind {
            EntryKind::File => Some(md5(&mut archive, entry)?),
            EntryKind::HardLink(target) => sums.get(&listed_name(target)).cloned(),
            _ => None,
        };
        if let Some(sum) = sum {
            sums.insert(listed_name(&entry.name), sum);
        }
    }
    let mut bytes = Vec::new();
    for path in list {
        if let Some(sum) = sums.get(path) {
            bytes.extend([sum.as_bytes(), b"  ", &path[1..], b"\n"].concat());
        }
    }
    Ok(ControlMember {
        mode: 0o644,
        bytes: bytes.into(),
    })
}

fn md5(archive: &mut fs_err::File, entry: &Entry) -> io::Result<String> {
    archive.seek(io::SeekFrom::Start(entry.offset))?;
    let mut hasher = Md5::new();
    io::copy(&mut archive.take(entry.size), &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}
