//! Keeps trees in the store, by the stage that made them and the digest of its inputs.

use super::error::SystemError;
use crate::digest::Sha256;
use crate::store::Store;
use crate::tree::{self, Tree};

/// The tree that `stage` made for `key` before.
pub(super) fn recall(
    stage: &str,
    key: &Sha256,
    store: &Store,
) -> Result<Option<Tree>, SystemError> {
    let Some(object) = store.memo(stage, key) else {
        return Ok(None);
    };
    let tree = tree::parse_dump(&store.read_text(&object)?)?;
    // If an object of the tree is missing, the tree and its objects are made anew. Every object is looked at, so that
    // the store removes all that are damaged.
    let objects = tree.objects();
    let all = objects.iter().map(|object| store.contains(object));
    Ok(all.fold(true, |all, here| all & here).then_some(tree))
}

/// Keeps `tree` as the result of `stage` for `key`.
pub(super) fn remember(
    stage: &str,
    key: &Sha256,
    tree: &Tree,
    store: &Store,
) -> Result<(), SystemError> {
    let object = store.insert(tree::dump(tree).as_bytes())?;
    Ok(store.set_memo(stage, key, &object)?)
}
