//! The folders with definitions: those of the user, and the shipped one inside the binary.

mod beneath;
mod error;

pub use error::FolderError;

use crate::diag::visible_name;
use beneath::{Beneath, Found, Links};
use error::{MAX_BYTES, MAX_DEPTH, MAX_FILES};
use include_dir::{Dir, DirEntry, include_dir};
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static BOARDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/boards");
static PROFILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");
static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");

/// The most bytes that one file of an overlay may have. Larger files belong in packages.
const MAX_FILE: u64 = 16 << 20;

/// An entry below a folder.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A file.
    File {
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// Whether its owner has the permission to execute it.
        executable: bool,
    },
    /// A symlink, with its target.
    Symlink(String),
    /// A folder that a version control system or a Mac keeps for itself, which is never part of an
    /// image.
    LeftOut,
    /// An entry whose name or target is not UTF-8, so that a definition cannot name it. The bytes are escaped in the path.
    Unwritable,
}

/// A folder with `boards/`, `profiles/` and `overlays/`.
#[derive(Clone, Debug)]
pub(crate) enum Folder {
    /// A folder of the user.
    Own(PathBuf),
    /// The folder inside the binary.
    Shipped,
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Folder::Own(path) => path.display().fmt(f),
            Folder::Shipped => f.write_str("shipped"),
        }
    }
}

impl Folder {
    /// The names of the folders in `kind` (`boards`), sorted.
    pub(crate) fn names(&self, kind: &str) -> Result<Vec<String>, FolderError> {
        match self {
            Folder::Shipped => {
                let names = shipped_root(kind).into_iter().flat_map(Dir::dirs);
                let names = names.filter_map(|dir| dir.path().to_str());
                let mut names: Vec<String> = names.map(str::to_owned).collect();
                names.sort();
                Ok(names)
            }
            Folder::Own(root) => {
                let mut names = Vec::new();
                let Some(folder) = own(root, kind)? else {
                    return Ok(names);
                };
                for name in folder.names()? {
                    let Some(name) = name.to_str() else { continue };
                    // Files and links that lead out of the folder are not definitions.
                    if let Ok(Some(Found::Folder(_))) = folder.find(name, Links::Followed) {
                        names.push(name.to_owned());
                    }
                }
                Ok(names)
            }
        }
    }

    /// The name of the file `path` in messages.
    pub(crate) fn show(&self, path: &str) -> String {
        match self {
            Folder::Shipped => format!("<shipped>/{path}"),
            Folder::Own(root) => root.join(path).display().to_string(),
        }
    }

    /// Reads the file `path` (`boards/NAME/board.toml`) of at most `limit` bytes; `None` if it does not exist.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Option<Arc<[u8]>>, FolderError> {
        match self {
            Folder::Shipped => Ok(shipped(path).and_then(|entry| match entry {
                DirEntry::File(file) => Some(file.contents().into()),
                DirEntry::Dir(_) => None,
            })),
            Folder::Own(root) => match below(root, path)? {
                Some(Found::File { file, .. }) => file.read(limit).map(Some),
                _ => Ok(None),
            },
        }
    }

    /// Whether the owner of the file `path` has the permission to execute it. Shipped files have no
    /// modes.
    pub(crate) fn is_executable(&self, path: &str) -> Result<bool, FolderError> {
        let found = match self {
            Folder::Shipped => None,
            Folder::Own(root) => below(root, path)?,
        };
        Ok(matches!(found, Some(Found::File { executable, .. }) if executable))
    }

    /// Every file and symlink below `path`, with its path from there; empty if `path` does not exist.
    pub(crate) fn files(&self, path: &str) -> Result<Vec<(String, Entry)>, FolderError> {
        match self {
            Folder::Shipped => {
                let mut found = Vec::new();
                if let Some(DirEntry::Dir(dir)) = shipped(path) {
                    walk_shipped(dir, dir.path(), &mut found);
                }
                Ok(found)
            }
            Folder::Own(root) => match below(root, path)? {
                Some(Found::Folder(folder)) => Walk::default().all(&folder),
                _ => Ok(Vec::new()),
            },
        }
    }
}

/// Whether the folder `path` (`boards/NAME`) of `own` has the files of the shipped one and no others, as in a clone of the
/// sources of this program.
pub(crate) fn is_copy_of_shipped(own: &Folder, path: &str) -> bool {
    let files = |folder: &Folder| folder.files(path).map(BTreeMap::from_iter);
    match (files(own), files(&Folder::Shipped)) {
        (Ok(own), Ok(shipped)) => {
            own.len() == shipped.len()
                && own
                    .iter()
                    .zip(&shipped)
                    .all(|(own, shipped)| own.0 == shipped.0 && is_same(own.1, shipped.1))
        }
        _ => false,
    }
}

/// Whether `shipped`, which has no modes, is the same file for an image as `own`. A script is a program in any case.
fn is_same(own: &Entry, shipped: &Entry) -> bool {
    match (own, shipped) {
        (Entry::File { bytes, executable }, Entry::File { bytes: others, .. }) => {
            bytes == others && (!executable || bytes.starts_with(b"#!"))
        }
        _ => false,
    }
}

fn shipped_root(kind: &str) -> Option<&'static Dir<'static>> {
    match kind {
        "boards" => Some(&BOARDS),
        "profiles" => Some(&PROFILES),
        "overlays" => Some(&OVERLAYS),
        _ => None,
    }
}

fn shipped(path: &str) -> Option<&'static DirEntry<'static>> {
    let (kind, rest) = path.split_once('/')?;
    shipped_root(kind)?.get_entry(rest)
}

fn walk_shipped(dir: &'static Dir<'static>, top: &Path, found: &mut Vec<(String, Entry)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => walk_shipped(dir, top, found),
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(top).unwrap_or(file.path());
                let path = path.to_string_lossy().into_owned();
                let (bytes, executable) = (file.contents().into(), false);
                found.push((path, Entry::File { bytes, executable }));
            }
        }
    }
}

/// Opens the folder `kind` of `root`. Links must not lead out of this folder, even to another place in `root`: a build may be
/// started in a home folder, and links in its `profiles/` must not reach the other files there.
fn own(root: &Path, kind: &str) -> Result<Option<Beneath>, FolderError> {
    let Some(root) = Beneath::open(root)? else {
        return Ok(None);
    };
    match root.find(kind, Links::Followed)? {
        Some(Found::Folder(folder)) => Ok(Some(folder)),
        _ => Ok(None),
    }
}

fn below(root: &Path, path: &str) -> Result<Option<Found>, FolderError> {
    let Some((kind, rest)) = path.split_once('/') else {
        return Ok(None);
    };
    match own(root, kind)? {
        Some(folder) => folder.find(rest, Links::Followed),
        None => Ok(None),
    }
}

/// A walk through the files of an overlay.
#[derive(Default)]
struct Walk {
    found: Vec<(String, Entry)>,
    /// The number of names, including those of folders.
    names: usize,
    bytes: u64,
}

impl Walk {
    fn all(mut self, folder: &Beneath) -> Result<Vec<(String, Entry)>, FolderError> {
        self.walk(folder, "", 0)?;
        Ok(self.found)
    }

    fn walk(&mut self, folder: &Beneath, prefix: &str, depth: usize) -> Result<(), FolderError> {
        let names = folder.names()?;
        self.names += names.len();
        if self.names > MAX_FILES || depth > MAX_DEPTH {
            return Err(FolderError::TooMany(folder.path()));
        }
        for name in names {
            let Some(name) = name.to_str() else {
                let path = format!("{prefix}{}", visible_name(name.as_bytes()));
                self.found.push((path, Entry::Unwritable));
                continue;
            };
            let path = format!("{prefix}{name}");
            // A symlink of an overlay becomes a symlink of the image, so it is not followed here.
            let entry = match folder.find(name, Links::Shown)? {
                // It was removed after the folder was listed.
                None => continue,
                Some(Found::Folder(_)) if is_bookkeeping(name) => Entry::LeftOut,
                Some(Found::Folder(below)) => {
                    self.walk(&below, &format!("{path}/"), depth + 1)?;
                    continue;
                }
                Some(Found::Symlink(target)) => match target.into_string() {
                    Ok(target) => Entry::Symlink(target),
                    Err(target) => {
                        let target = visible_name(target.as_bytes());
                        self.found
                            .push((format!("{path} (a link to {target})"), Entry::Unwritable));
                        continue;
                    }
                },
                Some(Found::File { file, executable }) => {
                    let bytes = file.read(MAX_FILE)?;
                    self.bytes += bytes.len() as u64;
                    if self.bytes > MAX_BYTES {
                        return Err(FolderError::TooMuch(folder.path()));
                    }
                    Entry::File { bytes, executable }
                }
            };
            self.found.push((path, entry));
        }
        Ok(())
    }
}

/// Whether folders of this name hold what a version control system or a Mac keeps for itself.
fn is_bookkeeping(name: &str) -> bool {
    [".git", ".hg", ".svn", ".bzr", "CVS", "__MACOSX"].contains(&name)
}
