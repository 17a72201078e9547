//! What a store says for its process about the objects that the process needs.

use super::Store;
use super::uses::SETTLED;
use crate::digest::Sha256;
use std::collections::BTreeSet;
use std::sync::PoisonError;

impl Store {
    /// Says that this process needs object `digest`. This comes before the object is looked for.
    pub(super) fn need(&self, digest: &Sha256) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.add([*digest], "");
    }

    /// Says that this process knows its inputs: it needs `digests` and the objects that it has used so far, and
    /// can make whatever else it will look for. Until a process says so, a collection beside it waits.
    pub fn rely_on(&self, digests: impl IntoIterator<Item = Sha256>) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.add(digests, &format!("{SETTLED}\n"));
    }

    /// The objects that this process has looked for so far.
    pub(super) fn needed(&self) -> BTreeSet<Sha256> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.told.clone()
    }
}
