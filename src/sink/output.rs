//! The output file, from its unfinished name to its final one.

use super::hash;
use super::writer::{Fault, Writer};
use super::{Digest, SinkError, Written};
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage};
use crate::tree::Objects;
use crate::unfinished::{self, Unfinished};
use crate::units::Bytes;
use std::io;
use std::path::{Path, PathBuf};

/// An unfinished output. Dropped before it is complete, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: Unfinished,
}

impl Output {
    /// Starts the file that will be `path`: beside it, as `<name>.<process>.partial`. A symlink
    /// at `path` will be replaced, not followed.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
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
        let file = Unfinished::create(path).map_err(|error| refusal(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// The unfinished file: to be removed by whoever ends the process without unwinding, as on
    /// Ctrl-C.
    pub fn partial(&self) -> &Path {
        self.file.partial()
    }

    /// Writes `image` and gives the file its final name.
    pub fn write(
        self,
        image: &Image,
        objects: &dyn Objects,
        digest: Digest,
        reporter: &dyn Reporter,
    ) -> Result<Written, SinkError> {
        let (stage, total) = (Stage::Write, image.len());
        reporter.report(Event::Started {
            stage,
            total,
            bytes: true,
        });
        let partial = self.partial().to_owned();
        let filled = fill(self.file.file(), image, objects, digest, reporter);
        // Whatever fails, the unfinished file is removed before the free space is counted.
        let finished = match filled {
            Ok(sha256) => self.file.finish().map(|()| sha256).map_err(Fault::Output),
            Err(fault) => {
                drop(self.file);
                Err(fault)
            }
        };
        let sha256 = finished.map_err(|fault| explain(fault, &self.path, partial, image))?;
        reporter.report(Event::Finished {
            stage,
            memoized: false,
        });
        Ok(Written {
            len: image.len(),
            sha256,
        })
    }
}

/// Makes `file` the image, and hashes it on the way if that is wanted.
fn fill(
    file: &fs_err::File,
    image: &Image,
    objects: &dyn Objects,
    digest: Digest,
    reporter: &dyn Reporter,
) -> Result<Option<Sha256>, Fault> {
    file.set_len(image.len()).map_err(Fault::Output)?;
    let advance = |amount| {
        reporter.report(Event::Advanced {
            stage: Stage::Write,
            amount,
        })
    };
    match digest {
        Digest::Skip => {
            let mut done = |span: hash::Span| advance(span.len);
            Writer::new(file, objects, &mut done).image(image)?;
            Ok(None)
        }
        Digest::Sha256 => hash::alongside(file, &advance, |mut done| {
            Writer::new(file, objects, &mut done).image(image)
        })
        .map(Some),
    }
}

/// What went wrong with the output `path`, whose unfinished file `partial` is gone by now.
fn explain(fault: Fault, path: &Path, partial: PathBuf, image: &Image) -> SinkError {
    match fault {
        Fault::Object(object, source) => SinkError::Object { object, source },
        Fault::ShortObject(object, expected) => SinkError::ShortObject { object, expected },
        Fault::Output(source) if is_full(&source) => SinkError::NoSpace {
            needed: needed(image),
            free: unfinished::free(folder(path)),
            folder: folder(path).to_owned(),
        },
        Fault::Output(source) => SinkError::Write {
            path: partial,
            source,
        },
    }
}

fn folder(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Why the unfinished file cannot be made beside `path`.
fn refusal(path: &Path, source: io::Error) -> SinkError {
    let folder = folder(path).to_owned();
    match source.kind() {
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

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// What the image takes on the disk, holes left out.
fn needed(image: &Image) -> Bytes {
    let regions = image.regions().iter();
    Bytes(
        regions
            .filter(|region| !super::writer::is_hole(region))
            .map(|region| region.len)
            .sum(),
    )
}
