//! The output file, from its unfinished name to its final one.

use super::hash;
use super::writer::{Fault, Writer};
use super::{Digest, SinkError, Written};
use crate::disk::image::Image;
use crate::event::{Event, Reporter, Stage};
use crate::tree::Objects;
use crate::units::Bytes;
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// An unfinished output. Dropped before it is complete, it leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    partial: PathBuf,
    /// Absent once the file has its final name.
    file: Option<fs_err::File>,
}

impl Output {
    /// Starts the file that will be `path`: beside it, as `<name>.<process>.partial`. A symlink
    /// at `path` will be replaced, not followed.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let name = path
            .file_name()
            .ok_or_else(|| SinkError::IsADirectory(path.to_owned()))?;
        if let Ok(found) = fs_err::symlink_metadata(path) {
            if found.is_dir() {
                return Err(SinkError::IsADirectory(path.to_owned()));
            }
            if !found.is_file() && !found.is_symlink() {
                return Err(SinkError::NotAFile(path.to_owned()));
            }
        }
        // What a killed process of this number left behind is in the way of nothing but its name.
        for attempt in 0_u32.. {
            let partial = path.with_file_name(partial_name(name, attempt));
            let options = || {
                let mut options = fs_err::OpenOptions::new();
                options.read(true).write(true).create_new(true);
                options
            };
            match options().open(&partial) {
                Ok(file) => {
                    let (path, file) = (path.to_owned(), Some(file));
                    return Ok(Self {
                        path,
                        partial,
                        file,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refusal(path, error)),
            }
        }
        unreachable!("a process leaves fewer than 2^32 files")
    }

    /// The unfinished file: to be removed by whoever ends the process without unwinding, as on
    /// Ctrl-C.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Writes `image` and gives the file its final name.
    pub fn write(
        mut self,
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
        let file = self.file.as_ref().expect("it is not finished yet");
        let sha256 = self.fill(file, image, objects, digest, reporter);
        let finished = sha256.and_then(|sha256| {
            file.sync_all().map_err(Fault::Output)?;
            fs_err::rename(&self.partial, &self.path).map_err(Fault::Output)?;
            sync_folder(folder(&self.path)).map_err(Fault::Output)?;
            Ok(sha256)
        });
        match finished {
            Ok(sha256) => {
                self.file = None;
                reporter.report(Event::Finished {
                    stage,
                    memoized: false,
                });
                Ok(Written {
                    len: image.len(),
                    sha256,
                })
            }
            Err(fault) => Err(self.give_up(fault, image)),
        }
    }

    fn fill(
        &self,
        file: &fs_err::File,
        image: &Image,
        objects: &dyn Objects,
        digest: Digest,
        reporter: &dyn Reporter,
    ) -> Result<Option<crate::digest::Sha256>, Fault> {
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

    /// Removes the attempt, then says what went wrong.
    fn give_up(self, fault: Fault, image: &Image) -> SinkError {
        let (partial, folder) = (self.partial.clone(), folder(&self.path).to_owned());
        drop(self);
        match fault {
            Fault::Object(object, source) => SinkError::Object { object, source },
            Fault::ShortObject(object, expected) => SinkError::ShortObject { object, expected },
            Fault::Output(source) if is_full(&source) => SinkError::NoSpace {
                needed: needed(image),
                free: free(&folder),
                folder,
            },
            Fault::Output(source) => SinkError::Write {
                path: partial,
                source,
            },
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing can be done about a failure here; the name tells what the file is.
            let _ = fs_err::remove_file(&self.partial);
        }
    }
}

fn partial_name(name: &std::ffi::OsStr, attempt: u32) -> OsString {
    let mut partial = name.to_owned();
    partial.push(match attempt {
        0 => format!(".{}.partial", std::process::id()),
        n => format!(".{}-{n}.partial", std::process::id()),
    });
    partial
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

/// A rename is safe against power loss once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs_err::File::open(folder)?.sync_all() {
        // Some filesystems cannot sync a folder; theirs is then as safe as it gets.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        synced => synced,
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

fn free(folder: &Path) -> Bytes {
    let found = rustix::fs::statvfs(folder);
    Bytes(found.map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize)))
}
