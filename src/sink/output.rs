//! An output file, from its unfinished name to its final one, with its block map if it has one.

use super::computing::{Computed, Computing, Digest, Wanted};
use super::error::{Fault, SinkError};
use super::format::Format;
use super::hash;
use super::writer::{Writer, is_hole};
use crate::disk::image::Image;
use crate::tree::Objects;
use crate::unfinished::{self, Readers, Unfinished};
use crate::units::Bytes;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An unfinished output. If it is dropped before it is complete, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    format: Format,
    readers: Readers,
    file: Unfinished,
    /// The unfinished file of the block map, if one is wanted.
    block_map: Option<Unfinished>,
}

impl Output {
    /// Makes the unfinished file of the output `path` in `format`: beside it, as `<name>.<process>.partial`. A
    /// symlink at `path` will be replaced, not followed.
    ///
    /// # Errors
    ///
    /// `path` is a folder, a device, a pipe or a socket, or its folder is missing or cannot be
    /// written to.
    pub fn create(path: &Path, format: Format, readers: Readers) -> Result<Self, SinkError> {
        Ok(Self {
            path: path.to_owned(),
            format,
            readers,
            file: unfinished(path, readers)?,
            block_map: None,
        })
    }

    /// Also makes the unfinished file of a block map of the raw image, `path`, for the same readers. No output
    /// appears before it is complete.
    ///
    /// # Errors
    ///
    /// As of [`Output::create`].
    pub fn with_block_map(mut self, path: &Path) -> Result<Self, SinkError> {
        self.block_map = Some(unfinished(path, self.readers)?);
        Ok(self)
    }

    /// The final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format in which the image is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The paths of the unfinished files. Code that ends the process without unwinding, as on Ctrl-C,
    /// must remove them.
    pub fn partials(&self) -> impl Iterator<Item = &Path> {
        let block_map = self.block_map.iter().map(Unfinished::partial);
        std::iter::once(self.file.partial()).chain(block_map)
    }

    pub(super) fn has_block_map(&self) -> bool {
        self.block_map.is_some()
    }

    pub(super) fn file(&self) -> &fs_err::File {
        self.file.file()
    }

    /// Writes `text` as the block map, if one is wanted.
    pub(super) fn write_block_map(&self, text: &str) -> Result<(), Fault> {
        let written = self.block_map.iter().try_for_each(|map| {
            let mut file = map.file().file();
            file.write_all(text.as_bytes())
        });
        written.map_err(Fault::Output)
    }

    /// The unfinished files, in the order in which they get their names. The block map is the first: a map of an
    /// earlier image would have bmaptool leave out parts of this one.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut Unfinished> {
        let block_map = self.block_map.iter_mut();
        block_map.chain(std::iter::once(&mut self.file))
    }

    /// The error for `fault`. The unfinished files are removed before the free space is counted. `needed` is the room
    /// that the outputs take, if it is known.
    pub(super) fn explain(self, fault: Fault, needed: Option<Bytes>) -> SinkError {
        let partial = self.file.partial().to_owned();
        drop((self.file, self.block_map));
        let folder = folder(&self.path);
        match fault {
            Fault::Object(object, source) => SinkError::Object { object, source },
            Fault::ShortObject(object, expected) => SinkError::ShortObject { object, expected },
            Fault::Compress(source) => SinkError::Compress(source),
            Fault::Store(source) => SinkError::Store(source),
            Fault::Output(source) if is_full(&source) => SinkError::NoSpace {
                folder: folder.to_owned(),
                needed,
                free: unfinished::free(folder),
            },
            Fault::Output(source) => SinkError::Write {
                path: partial,
                source,
            },
        }
    }
}

/// The unfinished file of `path`.
fn unfinished(path: &Path, readers: Readers) -> Result<Unfinished, SinkError> {
    if path.file_name().is_none() {
        return Err(SinkError::IsADirectory(path.to_owned()));
    }
    if let Ok(found) = fs_err::symlink_metadata(path) {
        if found.is_dir() {
            return Err(SinkError::IsADirectory(path.to_owned()));
        }
        // A symlink to a device, such as /dev/stdout, is as little replaced as a device.
        let is_other = |found: std::fs::Metadata| !found.is_file() && !found.is_dir();
        if fs_err::metadata(path).is_ok_and(is_other) {
            return Err(SinkError::NotAFile(path.to_owned()));
        }
    }
    // `out/` names a folder, although the last part of such a path looks like the name of a file.
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(SinkError::NoFolder(path.to_owned()));
    }
    let file = match readers {
        Readers::Anyone => Unfinished::create(path),
        Readers::Owner => Unfinished::create_private(path),
    };
    file.map_err(|error| refusal(path, error))
}

/// Fills `file` with the bytes of the image, and computes on the way what is `wanted`. `advance` is called with the
/// number of bytes that are finished.
pub(super) fn fill_raw(
    file: &fs_err::File,
    image: &Image,
    objects: &dyn Objects,
    wanted: Wanted,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<Computed, Fault> {
    file.set_len(image.len()).map_err(Fault::Output)?;
    let is_hashed = wanted.digest == Digest::Sha256;
    let mut computing = Computing::new(image, wanted, advance);
    hash::alongside(file, computing.followers(), |followed| {
        let mut done = |span: hash::Span| {
            followed(span);
            // Bytes that are hashed are finished only then.
            if !is_hashed {
                advance(span.len);
            }
        };
        Writer::new(file, objects, &mut done).image(image)
    })?;
    Ok(computing.finish())
}

fn folder(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// The error for an unfinished file that cannot be made beside `path`.
fn refusal(path: &Path, source: io::Error) -> SinkError {
    let folder = folder(path).to_owned();
    match source.kind() {
        // In /proc and similar filesystems no file can be made, and the kernel says "not found".
        io::ErrorKind::NotFound if folder.is_dir() => SinkError::ReadOnly { folder, source },
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SinkError::NoFolder(folder),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            SinkError::ReadOnly { folder, source }
        }
        _ => SinkError::Write {
            path: path.to_owned(),
            source,
        },
    }
}

/// Whether `error` says that the disk or the user's quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The bytes that the raw image takes on the disk, holes left out.
pub(super) fn needed(image: &Image) -> Bytes {
    let regions = image.regions().iter().filter(|region| !is_hole(region));
    Bytes(regions.map(|region| region.len).sum())
}
