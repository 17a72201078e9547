//! Why an image could not be written.

use crate::digest::Sha256;
use crate::units::Bytes;
use std::io;
use std::path::PathBuf;

/// Why an image could not be written. The file that was there before under the final name is
/// unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The disk is full.
    #[error("`{}` is full: the image needs {needed} bytes there and {free} are free; make room or choose another folder", .folder.display(), needed = .needed.0, free = .free.0)]
    NoSpace {
        /// The folder of the output.
        folder: PathBuf,
        /// Bytes that the image takes, holes left out.
        needed: Bytes,
        /// The bytes that an ordinary user can still write there after the unfinished file was
        /// removed.
        free: Bytes,
    },
    /// The disk is full. The length of a compressed image is known only when it is complete.
    #[error("`{}` is full: the compressed image needs more than the {free} bytes that are free there; make room or choose another folder", .folder.display(), free = .free.0)]
    NoSpaceForCompressed {
        /// The folder of the output.
        folder: PathBuf,
        /// The bytes that an ordinary user can still write there after the unfinished file was
        /// removed.
        free: Bytes,
    },
    /// The folder is missing.
    #[error("there is no folder `{}` to write the image to; make it first", .0.display())]
    NoFolder(PathBuf),
    /// The folder cannot be written to.
    #[error("the folder `{}` cannot be written to", .folder.display())]
    ReadOnly {
        /// The folder of the output.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The output is a folder.
    #[error("`{}` is a folder; give the name of a file", .0.display())]
    IsADirectory(PathBuf),
    /// The output is a device, a pipe or a socket.
    #[error("`{}` is no regular file; write the image to a file, and that to the device", .0.display())]
    NotAFile(PathBuf),
    /// An object of the store cannot be read.
    #[error("cannot read object {object} of the store; fetch it again")]
    Object {
        /// The object.
        object: Sha256,
        /// What the system says.
        source: io::Error,
    },
    /// An object is shorter than the image expects.
    #[error("object {object} of the store ends before byte {}; remove it and fetch it again", .expected.0)]
    ShortObject {
        /// The object.
        object: Sha256,
        /// The length that it must have at least.
        expected: Bytes,
    },
    /// A part of the image cannot be compressed.
    #[error("cannot compress the image")]
    Compress(#[source] io::Error),
    /// A compressed part of the image cannot be kept in the store.
    #[error("cannot keep a compressed part of the image in the store")]
    Store(#[source] io::Error),
    /// The output cannot be written for another reason.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The unfinished file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The error that stops a writer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The output cannot be written.
    Output(io::Error),
    /// An object cannot be read.
    Object(Sha256, io::Error),
    /// An object is shorter than this length.
    ShortObject(Sha256, Bytes),
    /// A span cannot be compressed.
    Compress(io::Error),
    /// A compressed span cannot be kept.
    Store(io::Error),
}
