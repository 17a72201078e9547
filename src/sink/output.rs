//! The output file, from its unfinished name to its final one.

use super::block_map::{BlockMap, BlockMapper};
use super::error::{Fault, SinkError};
use super::hash::{self, Follower, Whole};
use super::writer::{Writer, is_hole};
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage, Work};
use crate::tree::Objects;
use crate::unfinished::{self, Unfinished};
use crate::units::Bytes;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The users who may read the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Every user whom the umask permits.
    Anyone,
    /// The owner alone, because the image has secrets in it.
    Owner,
}

/// Whether the digest of the image is computed. That uses one more processor meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// The image is hashed.
    Sha256,
    /// The image is not hashed.
    Skip,
}

/// The result of writing an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub len: u64,
    /// Its digest, if it was computed.
    pub sha256: Option<Sha256>,
    /// Its block map, if one was written beside it.
    pub block_map: Option<BlockMap>,
}

/// An unfinished output. If it is dropped before it is complete, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    readers: Readers,
    file: Unfinished,
    block_map: Option<Companion>,
}

/// An unfinished file that will be complete together with the image.
#[derive(Debug)]
struct Companion {
    path: PathBuf,
    file: Unfinished,
}

impl Companion {
    fn write(&self, text: &str) -> io::Result<()> {
        self.file.file().file().write_all(text.as_bytes())
    }
}

impl Output {
    /// Makes the unfinished file of the output `path`: beside it, as `<name>.<process>.partial`. A
    /// symlink at `path` will be replaced, not followed.
    ///
    /// # Errors
    ///
    /// `path` is a folder, a device, a pipe or a socket, or its folder is missing or cannot be
    /// written to.
    pub fn create(path: &Path, readers: Readers) -> Result<Self, SinkError> {
        Ok(Self {
            path: path.to_owned(),
            readers,
            file: unfinished(path, readers)?,
            block_map: None,
        })
    }

    /// Also makes the unfinished file of the image's block map, `path`, for the same readers. No file appears before
    /// both are complete.
    ///
    /// # Errors
    ///
    /// As of [`Output::create`].
    pub fn with_block_map(mut self, path: &Path) -> Result<Self, SinkError> {
        self.block_map = Some(Companion {
            path: path.to_owned(),
            file: unfinished(path, self.readers)?,
        });
        Ok(self)
    }

    /// The paths of the unfinished files. Code that ends the process without unwinding, as on Ctrl-C,
    /// must remove them.
    pub fn partials(&self) -> impl Iterator<Item = &Path> {
        let block_map = self.block_map.iter().map(|it| it.file.partial());
        std::iter::once(self.file.partial()).chain(block_map)
    }

    /// Writes `image` into the unfinished file.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or an object of the store cannot be read.
    pub fn fill(
        self,
        image: &Image,
        objects: &dyn Objects,
        digest: Digest,
        reporter: &dyn Reporter,
    ) -> Result<Filled, SinkError> {
        reporter.report(Event::Started {
            stage: Stage::Write,
            work: Work::Bytes(Some(image.len())),
        });
        let place = Place {
            path: self.path,
            partial: self.file.partial().to_owned(),
            needed: needed(image),
        };
        let mapper = self.block_map.as_ref().map(|_| BlockMapper::new(image));
        match fill(self.file.file(), image, objects, (digest, mapper), reporter) {
            Ok(written) => Filled {
                place,
                file: self.file,
                block_map: self.block_map,
                written,
            }
            .with_text(),
            Err(fault) => {
                // The unfinished file is removed before the free space is counted.
                drop(self.file);
                Err(place.explain(fault))
            }
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
        if !found.is_file() && !found.is_symlink() {
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

/// An output that is complete but does not have its final name yet. If it is dropped, it leaves
/// nothing behind.
#[derive(Debug)]
pub struct Filled {
    place: Place,
    file: Unfinished,
    block_map: Option<Companion>,
    /// Length, digest and block map of the image.
    pub written: Written,
}

impl Filled {
    /// Writes the text of the block map, if one was asked for.
    fn with_text(self) -> Result<Self, SinkError> {
        let Some((companion, map)) = self.block_map.as_ref().zip(self.written.block_map.as_ref())
        else {
            return Ok(self);
        };
        match companion.write(&map.to_xml()) {
            Ok(()) => Ok(self),
            Err(error) => {
                drop(self.file);
                Err(self.place.explain(Fault::Output(error)))
            }
        }
    }

    /// Gives the files their final names.
    ///
    /// # Errors
    ///
    /// A file cannot be synced or renamed.
    pub fn finish(self, reporter: &dyn Reporter) -> Result<Written, SinkError> {
        let finished = self.file.finish().map_err(Fault::Output);
        finished.map_err(|fault| self.place.explain(fault))?;
        if let Some(Companion { path, file }) = self.block_map {
            file.finish()
                .map_err(|source| SinkError::Write { path, source })?;
        }
        reporter.report(Event::Finished {
            stage: Stage::Write,
            memoized: false,
        });
        Ok(self.written)
    }
}

/// Fills `file` with the image, and computes on the way what `computed` says.
fn fill(
    file: &fs_err::File,
    image: &Image,
    objects: &dyn Objects,
    computed: (Digest, Option<BlockMapper>),
    reporter: &dyn Reporter,
) -> Result<Written, Fault> {
    file.set_len(image.len()).map_err(Fault::Output)?;
    let advance = |amount| {
        reporter.report(Event::Advanced {
            stage: Stage::Write,
            amount,
        })
    };
    let (digest, mut mapper) = computed;
    let mut whole = match digest {
        Digest::Sha256 => Some(Whole::new(&advance)),
        Digest::Skip => None,
    };
    let is_hashed = whole.is_some();
    let followers = whole.iter_mut().map(|it| it as &mut dyn Follower);
    let followers = followers.chain(mapper.iter_mut().map(|it| it as &mut dyn Follower));
    hash::alongside(file, followers.collect(), |followed| {
        let mut done = |span: hash::Span| {
            followed(span);
            if !is_hashed {
                advance(span.len);
            }
        };
        Writer::new(file, objects, &mut done).image(image)
    })?;
    Ok(Written {
        len: image.len(),
        sha256: whole.map(Whole::finish),
        block_map: mapper.map(BlockMapper::finish),
    })
}

/// The place of an output, for errors.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    partial: PathBuf,
    /// The room that the image takes on the disk.
    needed: Bytes,
}

impl Place {
    /// The error for `fault`, after the unfinished file was removed.
    fn explain(self, fault: Fault) -> SinkError {
        match fault {
            Fault::Object(object, source) => SinkError::Object { object, source },
            Fault::ShortObject(object, expected) => SinkError::ShortObject { object, expected },
            Fault::Output(source) if is_full(&source) => SinkError::NoSpace {
                needed: self.needed,
                free: unfinished::free(folder(&self.path)),
                folder: folder(&self.path).to_owned(),
            },
            Fault::Output(source) => SinkError::Write {
                path: self.partial,
                source,
            },
        }
    }
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

/// The bytes that the image takes on the disk, holes left out.
fn needed(image: &Image) -> Bytes {
    let regions = image.regions().iter().filter(|region| !is_hole(region));
    Bytes(regions.map(|region| region.len).sum())
}
