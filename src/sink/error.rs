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
    #[error("`{}` is full: {}; make room or choose another folder", .folder.display(), room(*.needed, *.free))]
    NoSpace {
        /// The folder of the output.
        folder: PathBuf,
        /// Bytes that the image takes, holes left out. They are unknown of a compressed image, and of several outputs.
        needed: Option<Bytes>,
        /// The bytes that an ordinary user can still write there after the unfinished files were
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

/// What is `needed` on a full disk, and what is `free`.
fn room(needed: Option<Bytes>, free: Bytes) -> String {
    let free = free.0;
    match needed {
        Some(Bytes(needed)) => format!("the image needs {needed} bytes there and {free} are free"),
        None => format!("what is written there needs more than the {free} bytes that are free"),
    }
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
