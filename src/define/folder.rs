//! Where definitions lie: folders of the person, and the shipped ones inside the binary.

use crate::listing;
use include_dir::{Dir, DirEntry, include_dir};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

static BOARDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/boards");
static PROFILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");
static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");

/// The longest file of a definition. Larger things belong into packages.
const MAX_FILE: u64 = 16 << 20;
/// The most files of an overlay, and the deepest folder of it.
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 32;

/// What a definition cannot be read for.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refuses; its message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file is too long.
    #[error("`{path}` is longer than {MAX_FILE} bytes; large files belong into a package")]
    TooLong {
        /// The file.
        path: String,
    },
    /// An overlay has too many files or is too deep.
    #[error("`{path}` has more than {MAX_FILES} files or is more than {MAX_DEPTH} folders deep")]
    TooMany {
        /// The overlay's folder.
        path: String,
    },
    /// A name cannot be shown or written in a definition.
    #[error("`{path}` is not UTF-8; rename it")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A device, socket or pipe.
    #[error("`{path}` is neither a file, a folder nor a symlink")]
    Strange {
        /// The file.
        path: PathBuf,
    },
}

/// A file below a folder.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Its bytes.
    File(Arc<[u8]>),
    /// What it points to.
    Symlink(String),
}

/// A folder with `boards/`, `profiles/` and `overlays/`.
#[derive(Clone, Debug)]
pub(crate) enum Folder {
    /// One of the person's.
    Own(PathBuf),
    /// The one inside the binary.
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
                let folder = root.join(kind);
                if !folder.is_dir() {
                    return Ok(Vec::new());
                }
                let names = listing::sorted(&folder)?.into_iter();
                let names = names.filter(|name| folder.join(name).is_dir());
                Ok(names.filter_map(|name| name.into_string().ok()).collect())
            }
        }
    }

    /// How messages name the file `path`.
    pub(crate) fn show(&self, path: &str) -> String {
        match self {
            Folder::Shipped => format!("<shipped>/{path}"),
            Folder::Own(root) => root.join(path).display().to_string(),
        }
    }

    /// The file `path`; nothing where it does not exist.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, FolderError> {
        match self {
            Folder::Shipped => Ok(shipped(path).and_then(|entry| match entry {
                DirEntry::File(file) => Some(file.contents().into()),
                DirEntry::Dir(_) => None,
            })),
            Folder::Own(root) => {
                let path = root.join(path);
                path.is_file().then(|| read_bounded(&path)).transpose()
            }
        }
    }

    /// Every file and symlink below `path`, with its path from there; none where it does not exist.
    pub(crate) fn files(&self, path: &str) -> Result<Vec<(String, Entry)>, FolderError> {
        let mut found = Vec::new();
        match self {
            Folder::Shipped => {
                if let Some(DirEntry::Dir(dir)) = shipped(path) {
                    walk_shipped(dir, dir.path(), &mut found);
                }
            }
            Folder::Own(root) => {
                let folder = root.join(path);
                if folder.is_dir() {
                    walk(&folder, "", 0, &mut found)?;
                }
            }
        }
        Ok(found)
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
                found.push((path, Entry::File(file.contents().into())));
            }
        }
    }
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, Entry)>,
) -> Result<(), FolderError> {
    for name in listing::sorted(folder)? {
        let path = folder.join(&name);
        let Some(name) = name.to_str() else {
            return Err(FolderError::NotUtf8 { path });
        };
        let relative = format!("{prefix}{name}");
        if found.len() >= MAX_FILES || depth >= MAX_DEPTH {
            let path = folder.display().to_string();
            return Err(FolderError::TooMany { path });
        }
        // The mode of the host's file is not looked at: it depends on a umask.
        let kind = fs_err::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            walk(&path, &format!("{relative}/"), depth + 1, found)?;
        } else if kind.is_symlink() {
            let target = fs_err::read_link(&path)?;
            let Some(target) = target.to_str() else {
                return Err(FolderError::NotUtf8 { path });
            };
            found.push((relative, Entry::Symlink(target.to_owned())));
        } else if kind.is_file() {
            found.push((relative, Entry::File(read_bounded(&path)?)));
        } else {
            return Err(FolderError::Strange { path });
        }
    }
    Ok(())
}

fn read_bounded(path: &Path) -> Result<Arc<[u8]>, FolderError> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        let path = path.display().to_string();
        return Err(FolderError::TooLong { path });
    }
    Ok(bytes.into())
}
