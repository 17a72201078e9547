//! Makes the folders of a store, and checks that no other user can write to them.

use crate::removal;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes `folder` and its missing parents, which others can read but not write to.
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

/// Refuses `folder` if another user could put files into it, because what a memo says goes into
/// images. A sticky folder such as `/tmp` is accepted: the folders in it are checked in the same
/// way.
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

/// Removes whatever is at `path`, with everything below it, unless `will_do` accepts it.
pub(super) fn clear(path: &Path, will_do: impl Fn(&std::fs::Metadata) -> bool) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(found) if !will_do(&found) => removal::remove(path),
        _ => Ok(()),
    }
}
