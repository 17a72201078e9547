//! Copies a file or a directory of an image into a folder of the host, without root: a copy belongs to the person who
//! makes it, and has neither setuid bits nor devices. It appears whole or not at all.

use super::error::InspectError;
use super::image::Image;
use super::place::Found;
use crate::epoch::Timestamp;
use crate::listing;
use crate::tree::{Content, Kind, Meta, NodeId, Piece};
use crate::unfinished::{Readers, Unfinished, UnfinishedFolder};
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most bytes that are copied at once.
const CHUNK: u64 = 1 << 20;

/// The result of copying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The number of files, directories and symlinks.
    pub nodes: usize,
    /// The paths below the directory that were left out: devices, pipes and sockets.
    pub skipped: Vec<PathBuf>,
}

/// Writes the content of the file `found` to `out`.
///
/// # Errors
///
/// It is not a file, cannot be read, or `out` fails.
pub fn print(image: &Image, found: &Found<'_>, out: &mut dyn Write) -> Result<(), InspectError> {
    let content = content(found)?;
    let copied = parts(content).try_for_each(|part| {
        let bytes = Content::from_pieces([part]).read(image)?;
        out.write_all(&bytes)
    });
    copied.map_err(|source| InspectError::Content {
        path: found.text.clone(),
        source,
    })
}

/// Copies `found` to `to`. A file replaces a file, and goes into a folder that is there; a directory needs a name that
/// is free, or that of an empty folder. `guard` is called with what must be removed if the process is interrupted.
///
/// # Errors
///
/// It is neither a file nor a directory, cannot be read, or its copy cannot be written.
pub fn extract(
    image: &Image,
    found: &Found<'_>,
    to: &Path,
    guard: fn(&Path),
) -> Result<Extracted, InspectError> {
    if !found.tree.node(found.id).is_directory() {
        let content = content(found)?;
        let name = found.path.components().next_back();
        let name = name.map(|name| OsStr::from_bytes(name.as_bytes()));
        let to = match name {
            Some(name) if to.is_dir() => to.join(name),
            _ => to.to_owned(),
        };
        let meta = found.tree.node(found.id).meta;
        let written = file(image, content, &meta, &to, guard);
        written.map_err(|source| InspectError::Write { path: to, source })?;
        return Ok(Extracted {
            nodes: 1,
            skipped: Vec::new(),
        });
    }
    let failed = |source| InspectError::Write {
        path: to.to_owned(),
        source,
    };
    is_free(to).map_err(failed)?;
    // Copies that ended processes have left unfinished are removed here.
    let unfinished = UnfinishedFolder::create(to, Readers::Owner).map_err(failed)?;
    guard(unfinished.partial());
    let written = folder(image, found, unfinished.partial()).and_then(|extracted| {
        unfinished.finish()?;
        Ok(extracted)
    });
    written.map_err(failed)
}

/// Refuses the name `to` for a folder if there is something else than an empty folder.
fn is_free(to: &Path) -> io::Result<()> {
    let is_folder = match fs_err::symlink_metadata(to) {
        Ok(found) => found.is_dir(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if is_folder && listing::sorted(to)?.is_empty() {
        return Ok(());
    }
    let words = "there is something already; give a name that is free, or an empty folder";
    Err(io::Error::new(io::ErrorKind::AlreadyExists, words))
}

/// The content of the file `found`.
fn content<'f>(found: &'f Found<'_>) -> Result<&'f Content, InspectError> {
    let what = match &found.tree.node(found.id).kind {
        Kind::File(content) => return Ok(content),
        Kind::Directory(_) => "a directory",
        Kind::Symlink(_) => "a symlink to a path that is not there",
        Kind::BlockDevice { .. } | Kind::CharDevice { .. } => "a device",
        Kind::Fifo => "a named pipe",
        Kind::Socket => "a socket",
    };
    Err(InspectError::NotAFile {
        path: found.text.clone(),
        found: what,
    })
}

/// The pieces of `content`, none of them longer than [`CHUNK`].
fn parts(content: &Content) -> impl Iterator<Item = Piece> + '_ {
    content.pieces().flat_map(|piece| {
        let starts = (0..piece.len()).step_by(CHUNK as usize);
        starts.map(move |start| piece.part(start, CHUNK.min(piece.len() - start)))
    })
}

/// Writes a copy of a file beside `to`, and gives it this name when it is complete.
fn file(
    image: &Image,
    content: &Content,
    meta: &Meta,
    to: &Path,
    guard: fn(&Path),
) -> io::Result<()> {
    let unfinished = Unfinished::create_private(to)?;
    guard(unfinished.partial());
    fill(image, content, meta, unfinished.file())?;
    unfinished.finish()
}

/// Writes `content` to the empty `file`, with holes where it has holes, and sets its mode and time.
fn fill(image: &Image, content: &Content, meta: &Meta, file: &fs_err::File) -> io::Result<()> {
    let mut out = file;
    for piece in content.pieces() {
        if let Piece::Hole(len) = piece {
            let len = i64::try_from(len).map_err(io::Error::other)?;
            out.seek(SeekFrom::Current(len))?;
            continue;
        }
        for part in parts(&Content::from_pieces([piece])) {
            out.write_all(&Content::from_pieces([part]).read(image)?)?;
        }
    }
    file.set_len(content.len())?;
    if let Some(time) = time(meta.mtime) {
        file.file().set_modified(time)?;
    }
    let mode = u32::from(meta.mode & 0o777);
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

fn time(time: Timestamp) -> Option<SystemTime> {
    let start = SystemTime::UNIX_EPOCH;
    let seconds = Duration::from_secs(time.seconds.unsigned_abs());
    let moment = match time.seconds < 0 {
        true => start.checked_sub(seconds),
        false => start.checked_add(seconds),
    };
    moment?.checked_add(Duration::from_nanos(time.nanoseconds.into()))
}

/// Copies the directory `found` to the empty folder `to`.
fn folder(image: &Image, found: &Found<'_>, to: &Path) -> io::Result<Extracted> {
    let tree = &*found.tree;
    let mut extracted = Extracted::default();
    let mut first_names: BTreeMap<NodeId, PathBuf> = BTreeMap::new();
    let mut symlinks = Vec::new();
    let mut folders = Vec::new();
    let mut ahead = vec![(found.id, to.to_owned())];
    while let Some((id, path)) = ahead.pop() {
        if path != to {
            fs_err::create_dir(&path)?;
        }
        // Nobody else may look into it before it has its mode.
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        extracted.nodes += 1;
        for (name, entry) in tree.entries(id) {
            let path = path.join(OsStr::from_bytes(name.as_bytes()));
            let node = tree.node(entry);
            match &node.kind {
                Kind::Directory(_) => ahead.push((entry, path)),
                Kind::File(content) => {
                    extracted.nodes += 1;
                    if let Some(first) = first_names.get(&entry) {
                        fs_err::hard_link(first, &path)?;
                        continue;
                    }
                    let mut options = fs_err::OpenOptions::new();
                    // Nobody else may read it before it has its mode.
                    options.write(true).create_new(true).mode(0o600);
                    let file = options.open(&path)?;
                    fill(image, content, &node.meta, &file)?;
                    first_names.insert(entry, path);
                }
                Kind::Symlink(target) => symlinks.push((target, node.meta, path)),
                _ => extracted.skipped.push(path),
            }
        }
        folders.push((tree.node(id).meta, path));
    }
    // No copy is written through a symlink of the image, because these come last.
    for (target, meta, path) in symlinks {
        symlink(target, &meta, &path)?;
        extracted.nodes += 1;
    }
    // The person can always look into the folders, and remove them. What is below a folder comes before it.
    for (meta, path) in folders.into_iter().rev() {
        if let Some(time) = time(meta.mtime) {
            fs_err::File::open(&path)?.file().set_modified(time)?;
        }
        let mode = u32::from(meta.mode & 0o777) | 0o700;
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
    }
    for path in &mut extracted.skipped {
        let below = path.strip_prefix(to).map(Path::to_owned);
        *path = below.unwrap_or_default();
    }
    Ok(extracted)
}

/// Makes a symlink with its time.
fn symlink(target: &[u8], meta: &Meta, path: &Path) -> io::Result<()> {
    fs_err::os::unix::fs::symlink(OsStr::from_bytes(target), path)?;
    let time = Timespec {
        tv_sec: meta.mtime.seconds,
        tv_nsec: meta.mtime.nanoseconds.into(),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        CWD,
        path,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}
