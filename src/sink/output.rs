//! The output file, from its unfinished name to its final one.

use super::error::{Fault, SinkError};
use super::hash;
use super::writer::Writer;
use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage, Work};
use crate::tree::Objects;
use crate::unfinished::{self, Unfinished};
use crate::units::Bytes;
use std::io;
use std::path::{Path, PathBuf};

/// Who may read the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the umask lets.
    Anyone,
    /// Its owner alone: there are secrets in it.
    Owner,
}

/// Whether the digest of the image is wanted. It costs one more processor for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// Hash what was written.
    Sha256,
    /// Do not.
    Skip,
}

/// A complete image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub len: u64,
    /// Its digest, if wanted.
    pub sha256: Option<Sha256>,
}

/// An unfinished output. Dropped before it is complete, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    file: Unfinished,
}

impl Output {
    /// Starts the file that will be `path`: beside it, as `<name>.<process>.partial`. A symlink
    /// at `path` will be replaced, not followed.
    pub fn create(path: &Path, readers: Readers) -> Result<Self, SinkError> {
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
        let file = file.map_err(|error| refusal(path, error))?;
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

    /// Writes `image`; the file does not have its final name yet.
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
        match fill(self.file.file(), image, objects, digest, reporter) {
            Ok(sha256) => Ok(Filled {
                place,
                file: self.file,
                written: Written {
                    len: image.len(),
                    sha256,
                },
            }),
            Err(fault) => {
                // The unfinished file is removed before the free space is counted.
                drop(self.file);
                Err(place.explain(fault))
            }
        }
    }
}

/// An output with everything in it, and without its final name. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Filled {
    place: Place,
    file: Unfinished,
    /// What was written.
    pub written: Written,
}

impl Filled {
    /// Gives the file its final name.
    pub fn finish(self, reporter: &dyn Reporter) -> Result<Written, SinkError> {
        let finished = self.file.finish().map_err(Fault::Output);
        finished.map_err(|fault| self.place.explain(fault))?;
        reporter.report(Event::Finished {
            stage: Stage::Write,
            memoized: false,
        });
        Ok(self.written)
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

/// Where an output is to be, for errors.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    partial: PathBuf,
    /// What the image takes.
    needed: Bytes,
}

impl Place {
    /// What went wrong with the output, whose unfinished file is gone by now.
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

/// Why the unfinished file cannot be made beside `path`.
fn refusal(path: &Path, source: io::Error) -> SinkError {
    let folder = folder(path).to_owned();
    match source.kind() {
        // In /proc and the like, nobody can make a file.
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
