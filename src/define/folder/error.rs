//! Why definitions cannot be read, and the bounds of what is read.

use rustix::io::Errno;
use std::io;
use std::path::PathBuf;

/// The most bytes in the files of an overlay together.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// The most files of an overlay.
pub(super) const MAX_FILES: usize = 10_000;
/// The deepest folder of an overlay.
pub(super) const MAX_DEPTH: usize = 32;

/// Why a definition cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refuses; its message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The operating system refuses.
    #[error("cannot read `{}`: {error}", .path.display())]
    System {
        /// What is to be read.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A link in a folder of definitions leads elsewhere.
    #[error(
        "`{}` leads out of its folder of definitions; nothing outside of that is read: put the file \
         there, or a symlink that stays inside",
        .path.display()
    )]
    Outside {
        /// What is to be read.
        path: PathBuf,
    },
    /// A file is too long.
    #[error("`{}` is longer than {limit} bytes; large files belong into a package", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that it may have.
        limit: u64,
    },
    /// An overlay has too many files or is too deep.
    #[error("`{path}` has more than {MAX_FILES} files or is more than {MAX_DEPTH} folders deep")]
    TooMany {
        /// The overlay's folder.
        path: String,
    },
    /// The files of an overlay are too long together.
    #[error(
        "the files in `{path}` are longer than {MAX_BYTES} bytes together; large files belong into a package"
    )]
    TooMuch {
        /// The overlay's folder.
        path: String,
    },
    /// A definition is no text.
    #[error("`{}` is not UTF-8 text", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A device, socket or pipe.
    #[error("`{path}` is neither a file, a folder nor a symlink")]
    Strange {
        /// The file.
        path: PathBuf,
    },
    /// It was replaced between two looks.
    #[error("`{}` was replaced while it was read", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl FolderError {
    /// What the system's `error` about `path` means.
    pub(super) fn of(path: PathBuf, error: Errno) -> Self {
        match error {
            Errno::XDEV => Self::Outside { path },
            error => Self::System {
                path,
                error: error.into(),
            },
        }
    }
}
