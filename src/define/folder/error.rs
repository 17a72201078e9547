//! The errors of reading definitions, and the limits of what is read.

use rustix::io::Errno;
use std::io;
use std::path::PathBuf;

/// The largest number of bytes in all files of an overlay.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// The largest number of files and folders in an overlay.
pub(super) const MAX_FILES: usize = 10_000;
/// The largest depth of folders in an overlay.
pub(super) const MAX_DEPTH: usize = 32;

/// An error: a definition cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refuses; its message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The operating system refuses to read this path.
    #[error("cannot read `{}`: {}", .0.display(), .1)]
    System(PathBuf, io::Error),
    /// A link leads out of the folder `boards`, `profiles` or `overlays` that it is in.
    #[error(
        "`{}` leads by a link out of its `boards/`, `profiles/` or `overlays/`; nothing outside of \
         that folder is read: put the file there, or a link that stays inside",
        .0.display()
    )]
    Outside(PathBuf),
    /// A file has more bytes than this limit.
    #[error("`{}` is longer than {} bytes; large files belong in a package", .0.display(), .1)]
    TooLong(PathBuf, u64),
    /// The folder of an overlay has too many files or is too deep.
    #[error("`{}` has more than {MAX_FILES} files or is more than {MAX_DEPTH} folders deep", .0.display())]
    TooMany(PathBuf),
    /// The files in the folder of an overlay are too long together.
    #[error(
        "the files in `{}` are longer than {MAX_BYTES} bytes together; large files belong in a \
         package",
        .0.display()
    )]
    TooMuch(PathBuf),
    /// The file of a definition is not text.
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// The path is a device, a socket or a pipe.
    #[error("`{}` is neither a file, a folder nor a symlink", .0.display())]
    Strange(PathBuf),
    /// The file was replaced while it was opened.
    #[error("`{}` was replaced while it was read", .0.display())]
    Changed(PathBuf),
}

impl FolderError {
    /// The error for `error` of the operating system about `path`.
    pub(super) fn of(path: PathBuf, error: Errno) -> Self {
        match error {
            Errno::XDEV => Self::Outside(path),
            error => Self::System(path, error.into()),
        }
    }
}
