//! Copies nodes from one tree into another and keeps hard links: the names of one node in the first tree
//! become names of one node in the second.

use super::{Kind, NodeId, Tree, TreeError, TreePath};
use std::collections::BTreeMap;

/// Copies nodes of one tree.
pub struct Copier<'a> {
    from: &'a Tree,
    /// The copy of each node in the other tree.
    copies: BTreeMap<NodeId, NodeId>,
}

impl<'a> Copier<'a> {
    /// Copies nodes of `from` into a tree that has none of them yet.
    pub fn new(from: &'a Tree) -> Self {
        let copies = BTreeMap::new();
        Self { from, copies }
    }

    /// Copies nodes of `from` into `to`, which began as a copy of `from`. A node that is unchanged
    /// in `to` is not copied again: its other paths become hard links to it.
    pub fn between(from: &'a Tree, to: &Tree) -> Self {
        let mut copier = Self::new(from);
        for (path, id) in from.walk() {
            let node = from.node(id);
            let same = to.at(&path).filter(|there| to.node(*there) == node);
            if let Some(there) = same.filter(|_| !node.is_directory()) {
                copier.copies.entry(id).or_insert(there);
            }
        }
        copier
    }

    /// Puts node `id` at `path` of `to`; a directory comes without its entries.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`]: the parent is missing, or a directory would be replaced by something else.
    pub fn copy(&mut self, id: NodeId, to: &mut Tree, path: &TreePath) -> Result<(), TreeError> {
        let node = self.from.node(id);
        if node.is_directory() {
            let mut node = node.clone();
            node.kind = Kind::Directory(BTreeMap::new());
            return to.insert(path, node).map(|_| ());
        }
        match self.copies.get(&id) {
            Some(copy) => to.link(path, *copy),
            None => {
                let copy = to.insert(path, node.clone())?;
                self.copies.insert(id, copy);
                Ok(())
            }
        }
    }
}

impl Tree {
    /// Puts every node of `other` below `path`, over what is there. `path` and its parents must be
    /// directories.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`]: a parent is missing, or a directory would be replaced by something else.
    pub fn graft(&mut self, path: &TreePath, other: &Tree) -> Result<(), TreeError> {
        let mut copier = Copier::new(other);
        for (below, id) in other.walk() {
            copier.copy(id, self, &path.append(&below))?;
        }
        Ok(())
    }
}
