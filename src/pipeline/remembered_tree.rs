//! Trees that are remembered in the store, by what made them and of what.

use super::error::SystemError;
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::{self, Tree};
use std::io;

/// The tree that `stage` made for `key` before.
pub(super) fn recall(
    stage: &str,
    key: &Sha256,
    store: &Store,
) -> Result<Option<Tree>, SystemError> {
    let Some(object) = store.memo(stage, key) else {
        return Ok(None);
    };
    let text = String::from_utf8(store.read(&object)?).map_err(io::Error::other)?;
    let tree = tree::parse_dump(&text)?;
    // A tree whose contents are not all here is made anew, and they with it.
    let objects = tree.objects();
    let all = objects.iter().map(|object| store.contains(object));
    Ok(all.fold(true, |all, here| all & here).then_some(tree))
}

/// Notes that `stage` made `tree` for `key`.
pub(super) fn remember(
    stage: &str,
    key: &Sha256,
    tree: &Tree,
    store: &Store,
) -> Result<(), SystemError> {
    let object = store.insert(tree::dump(tree).as_bytes())?;
    Ok(store.set_memo(stage, key, &object)?)
}
