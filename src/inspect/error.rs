//! The errors of inspecting an image.

use crate::base::input::InputError;
use crate::base::packing::PackingError;
use crate::base::sparse::Beyond;
use crate::disk::table::TableError;
use crate::tree::BadName;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why an image, or a file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file of the image cannot be opened.
    #[error("cannot read the image `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of opening it.
        source: InputError,
    },
    /// The file is not an image, or cannot be unpacked.
    #[error("cannot read the image `{}`", .path.display())]
    Packing {
        /// The file.
        path: PathBuf,
        /// The error of its format.
        source: PackingError,
    },
    /// The disk is longer than any image, or than the room for it.
    #[error("cannot unpack the image `{}`", .path.display())]
    Beyond {
        /// The file.
        path: PathBuf,
        /// The limit.
        source: Beyond,
    },
    /// The store, in whose scratch space an image is unpacked, failed.
    #[error("cannot use the store")]
    Store(#[source] io::Error),
    /// The partition table cannot be used.
    #[error("cannot read the partition table of `{}`", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The error of the table.
        source: TableError,
    },
    /// The path cannot be one of an image.
    #[error("`{path}` is not a path in an image: expected `/PATH`, or `N:/PATH` in partition N")]
    BadPath {
        /// The path as it was given.
        path: String,
        /// The fault of one of its names.
        source: BadName,
    },
    /// The image has no such partition.
    #[error("`{path}`: the image has no partition {number}, expected {expected}")]
    NoPartition {
        /// The path as it was given.
        path: String,
        /// The number of the partition.
        number: u32,
        /// The numbers that the image has.
        expected: String,
    },
    /// The partition has no filesystem that can be read.
    #[error("`{path}`: the files of partition {number} cannot be read: {fault}")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// The number of the partition.
        number: u32,
        /// The reason.
        fault: String,
    },
    /// The path names no partition, and not exactly one partition has a root filesystem.
    #[error("`{path}`: in the image, {found}; name the partition, as in `{example}:{path}`")]
    NoRoot {
        /// The path as it was given.
        path: String,
        /// What was found instead of one root filesystem.
        found: String,
        /// The number of a partition with files.
        example: u32,
    },
    /// The filesystem has no such path.
    #[error("the image has no `{path}`{near}")]
    Missing {
        /// The path as it was given.
        path: String,
        /// The nearest path that there is, as words; empty if there is none.
        near: String,
    },
    /// The path is neither a file nor a directory.
    #[error("`{path}` is {found}, expected a file or a directory")]
    NotAFile {
        /// The path as it was given.
        path: String,
        /// Its type.
        found: &'static str,
    },
    /// The content of a file cannot be read.
    #[error("cannot read `{path}` of the image")]
    Content {
        /// The path as it was given.
        path: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The copy of a file or directory cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The report is complete except for what is damaged.
    #[error("{}", faults(.0))]
    Faults(Vec<String>),
}

/// The first of `faults`, and the number of the others.
fn faults(faults: &[String]) -> String {
    let first = faults.first().map_or("", String::as_str);
    match faults.len().saturating_sub(1) {
        0 => format!("a part of the image cannot be read: {first}"),
        more => format!(
            "parts of the image cannot be read: {first} (and {more} more, which the report has)"
        ),
    }
}

/// The message of `error` and those of its causes. A cause that its wrapper repeats is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text += &format!(": {message}");
        }
        cause = error.source();
    }
    text
}
