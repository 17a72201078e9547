//! The contents of a folder, as all writers get them.

use imgbuild::listing;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One name in a folder, or the folder itself.
pub(super) struct Found {
    /// The index of the folder that contains it.
    pub(super) parent: usize,
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    pub(super) metadata: std::fs::Metadata,
}

/// Everything in `folder`: the folder itself first, and each folder before its contents.
pub(super) fn read(folder: &Path) -> Vec<Found> {
    let metadata = fs_err::metadata(folder).unwrap();
    let mut found = vec![Found {
        parent: 0,
        name: OsString::new(),
        path: folder.to_owned(),
        metadata,
    }];
    let mut next = 0;
    while next < found.len() {
        if found[next].metadata.is_dir() {
            let path = found[next].path.clone();
            for name in listing::sorted(&path).unwrap() {
                let path = path.join(&name);
                found.push(Found {
                    parent: next,
                    metadata: fs_err::symlink_metadata(&path).unwrap(),
                    name,
                    path,
                });
            }
        }
        next += 1;
    }
    found
}

/// The spans of the file `path` with data, as start and end; the whole file if it has no holes.
pub(super) fn data(path: &Path, metadata: &std::fs::Metadata) -> Vec<(u64, u64)> {
    let len = metadata.len();
    if metadata.blocks() * 512 >= len {
        return vec![(0, len)];
    }
    let file = fs_err::File::open(path).unwrap();
    let seek = |from| rustix::fs::seek(&file, from);
    let mut spans = Vec::new();
    let mut at = 0;
    while let Ok(start) = seek(rustix::fs::SeekFrom::Data(at)) {
        at = seek(rustix::fs::SeekFrom::Hole(start)).unwrap();
        spans.push((start, at));
    }
    spans
}
