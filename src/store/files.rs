//! The files of a store as they are found, also of one that cannot be written, and that this process does not use.

use super::build::Record;
use super::memo::parse_memo;
use super::{PARTS, folder, object};
use crate::digest::Sha256;
use crate::epoch::Epoch;
use crate::listing;
use crate::unfinished;
use crate::units::Bytes;
use rustix::fs::FileType;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder of a store.
#[derive(Clone, Debug)]
pub struct StoreFiles {
    pub(super) root: PathBuf,
}

/// A file of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// The room that it takes on the disk.
    pub room: Bytes,
    /// The time at which it was written.
    pub written: Epoch,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundObject {
    /// Its name, which is the digest that its content should have.
    pub digest: Sha256,
    /// Its length.
    pub len: Bytes,
    /// Its room includes that of the note of its inode.
    pub file: FoundFile,
}

/// The memo of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMemo {
    /// The stage.
    pub stage: String,
    /// The name of its file, which is its key.
    pub name: String,
    /// Its key and its result, unless the memo is damaged.
    pub content: Option<(Sha256, Sha256)>,
    /// The file.
    pub file: FoundFile,
}

/// The record of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBuild {
    /// The name of its file.
    pub name: String,
    /// Board, profile and base, for a person.
    pub label: String,
    /// The digest of the text of its lock.
    pub lock: Sha256,
    /// The objects that it has used.
    pub objects: Vec<Sha256>,
    /// The file; the time is that of the last build.
    pub file: FoundFile,
}

impl StoreFiles {
    /// The store at `root`; `None` if there is no such folder.
    ///
    /// # Errors
    ///
    /// A folder of the store cannot be read, or another user can write to it.
    pub fn open(root: &Path) -> io::Result<Option<Self>> {
        let root = match fs_err::canonicalize(root) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        folder::check(&root)?;
        for part in PARTS {
            let part = root.join(part);
            if fs_err::symlink_metadata(&part).is_ok() {
                folder::check(&part)?;
            }
        }
        Ok(Some(Self { root }))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The space on the disk that an ordinary user can still fill.
    pub fn free(&self) -> Bytes {
        unfinished::free(&self.root)
    }

    /// Every object.
    ///
    /// # Errors
    ///
    /// The folder of objects cannot be read.
    pub fn objects(&self) -> io::Result<Vec<FoundObject>> {
        let mut objects = Vec::new();
        for start in self.names("objects")? {
            let folder = Path::new("objects").join(&start);
            // What is no folder has no objects, and a symlink is not followed.
            let found = fs_err::symlink_metadata(self.root.join(&folder));
            if !found.is_ok_and(|found| found.is_dir()) {
                continue;
            }
            for rest in self.names(folder).unwrap_or_default() {
                let Ok(digest) = format!("{start}{rest}").parse::<Sha256>() else {
                    continue;
                };
                // The object was removed in this moment.
                let Ok(found) = fs_err::symlink_metadata(self.object_path(&digest)) else {
                    continue;
                };
                let note = fs_err::symlink_metadata(self.note_path(&digest));
                let mut file = FoundFile::of(&found);
                file.room.0 += note.map_or(0, |note| FoundFile::of(&note).room.0);
                objects.push(FoundObject {
                    digest,
                    len: Bytes(found.len()),
                    file,
                });
            }
        }
        Ok(objects)
    }

    /// Every memo.
    ///
    /// # Errors
    ///
    /// The folder of memos cannot be read.
    pub fn memos(&self) -> io::Result<Vec<FoundMemo>> {
        let mut memos = Vec::new();
        for stage in self.names("memo")? {
            let folder = Path::new("memo").join(&stage);
            for name in self.names(&folder).unwrap_or_default() {
                let path = self.root.join(&folder).join(&name);
                let Ok(found) = fs_err::symlink_metadata(&path) else {
                    continue;
                };
                let key = name.parse::<Sha256>().ok();
                let content = key.and_then(|key| Some((key, parse_memo(&path, &stage, &key)?)));
                memos.push(FoundMemo {
                    stage: stage.clone(),
                    name,
                    content,
                    file: FoundFile::of(&found),
                });
            }
        }
        Ok(memos)
    }

    /// Every record of a build. A damaged one counts as missing.
    ///
    /// # Errors
    ///
    /// The folder of records cannot be read.
    pub fn builds(&self) -> io::Result<Vec<FoundBuild>> {
        let mut builds = Vec::new();
        for name in self.names("builds")? {
            let path = self.root.join("builds").join(&name);
            let Ok(found) = fs_err::symlink_metadata(&path) else {
                continue;
            };
            if let Some(record) = Record::read(&path) {
                builds.push(FoundBuild {
                    name,
                    label: record.label,
                    lock: record.lock,
                    objects: record.objects.into_iter().collect(),
                    file: FoundFile::of(&found),
                });
            }
        }
        Ok(builds)
    }

    /// The downloads that were cut off, or are under way, by the names of their files.
    ///
    /// # Errors
    ///
    /// The folder of these downloads cannot be read.
    pub fn partials(&self) -> io::Result<Vec<(String, FoundFile)>> {
        let names = self.names("partial")?.into_iter();
        let found = names.filter_map(|name| {
            let found = fs_err::symlink_metadata(self.root.join("partial").join(&name)).ok()?;
            Some((name, FoundFile::of(&found)))
        });
        Ok(found.collect())
    }

    /// The content of object `digest`, of at most `limit` bytes; `None` if it is longer, missing or damaged.
    pub fn read(&self, digest: &Sha256, limit: u64) -> Option<Vec<u8>> {
        let file = self.open_object(digest).ok()?;
        if file.metadata().ok()?.len() > limit {
            return None;
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file.file(), &mut bytes).ok()?;
        (Sha256::of(&bytes) == *digest).then_some(bytes)
    }

    pub(super) fn open_object(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        let folder = object::open_folder(rustix::fs::CWD, &self.root.join("objects"))?;
        object::open(folder, digest)
    }

    pub(super) fn object_path(&self, digest: &Sha256) -> PathBuf {
        let name = digest.to_string();
        self.root.join("objects").join(&name[..2]).join(&name[2..])
    }

    pub(super) fn note_path(&self, digest: &Sha256) -> PathBuf {
        self.root.join("inodes").join(digest.to_string())
    }

    /// The names in `folder` of the store that are text, as all names are that imgbuild gives. There are none if the
    /// folder is missing.
    pub(super) fn names(&self, folder: impl AsRef<Path>) -> io::Result<Vec<String>> {
        let names = match listing::sorted(&self.root.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        let names = names.into_iter();
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }
}

impl FoundFile {
    fn of(found: &std::fs::Metadata) -> Self {
        let is_file = FileType::from_raw_mode(found.mode()) == FileType::RegularFile;
        Self {
            // st_blocks counts units of 512 bytes, whatever the size of the filesystem's blocks is.
            room: Bytes(if is_file { found.blocks() * 512 } else { 0 }),
            written: Epoch(found.mtime().try_into().unwrap_or(0)),
        }
    }
}
