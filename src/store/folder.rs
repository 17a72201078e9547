//! The folders of a store: whose they are.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes `folder` and those above it where they are missing; others can read it and not write to it.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder);
    made.map_err(|error| {
        let words = format!("failed to create directory `{}`: {error}", folder.display());
        io::Error::new(error.kind(), words)
    })
}

/// Refuses `folder` where somebody else could put things into it: what a memo says goes into images.
/// A sticky folder (`/tmp`) will do, for what lies in it is looked at in the same way.
pub(super) fn check(folder: &Path) -> io::Result<()> {
    let found = fs_err::symlink_metadata(folder)?;
    let (own, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let sticky = found.mode() & 0o1000 != 0;
    let refused = if !found.is_dir() {
        "is no folder".to_owned()
    } else if found.uid() != own.as_raw() && found.uid() != 0 {
        let (owner, own) = (found.uid(), own.as_raw());
        format!("belongs to user {owner}, expected {own}, who builds, or root")
    } else if found.mode() & 0o002 != 0 && !sticky {
        "can be written by everybody; take that away with `chmod o-w`".to_owned()
    } else if found.mode() & 0o020 != 0 && !sticky && found.gid() != group.as_raw() {
        let owners = found.gid();
        format!("can be written by group {owners}; take that away with `chmod g-w`")
    } else {
        return Ok(());
    };
    let words = format!("`{}` {refused}", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, words))
}
