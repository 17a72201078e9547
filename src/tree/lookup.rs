//! Looks up paths of a tree. Symlinks are followed inside the tree only, and `..` stops at its
//! root.

use super::{Content, Kind, Name, NodeId, Tree, TreePath};

/// The number of symlinks that Linux follows in one path before it gives up.
pub(crate) const MAX_SYMLINKS: usize = 40;

impl Tree {
    /// The node at `path`. Symlinks in its parents are followed, a final symlink is not.
    pub fn at(&self, path: &TreePath) -> Option<NodeId> {
        self.find(path.names(), false)
    }

    /// The node at `path`, with a final symlink followed too.
    pub fn resolve(&self, path: &TreePath) -> Option<NodeId> {
        self.find(path.names(), true)
    }

    /// The content of the file at `path`, with a final symlink followed too.
    pub fn file(&self, path: &TreePath) -> Option<&Content> {
        match &self.node(self.resolve(path)?).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The path of the node that [`Tree::resolve`] finds for `path`, with every symlink replaced by
    /// its target.
    pub fn real_path(&self, path: &TreePath) -> Option<TreePath> {
        let chain = self.locate(path.names(), true)?;
        let names = chain.into_iter().map(|(name, _)| name.clone()).collect();
        Some(TreePath::from_names(names))
    }

    /// The node that `names` lead to from the root.
    pub(super) fn find(&self, names: &[Name], follow_last: bool) -> Option<NodeId> {
        let chain = self.locate(names, follow_last)?;
        Some(chain.last().map_or(self.root(), |(_, id)| *id))
    }

    /// The chain of names and nodes that leads from the root to `names`, with every symlink
    /// replaced by its target.
    fn locate<'a>(
        &'a self,
        names: &'a [Name],
        follow_last: bool,
    ) -> Option<Vec<(&'a Name, NodeId)>> {
        let mut chain: Vec<(&Name, NodeId)> = Vec::with_capacity(names.len());
        // The components that are still to be looked up, the next one last.
        let mut ahead: Vec<&[u8]> = names.iter().rev().map(Name::as_bytes).collect();
        let mut n_symlinks = 0;
        while let Some(component) = ahead.pop() {
            match component {
                b"" | b"." => continue,
                b".." => {
                    chain.pop();
                    continue;
                }
                _ => {}
            }
            let directory = chain.last().map_or(self.root(), |(_, id)| *id);
            let Kind::Directory(entries) = &self.node(directory).kind else {
                return None;
            };
            let (name, id) = entries.get_key_value(component)?;
            match &self.node(*id).kind {
                Kind::Symlink(target) if follow_last || !ahead.is_empty() => {
                    n_symlinks += 1;
                    if n_symlinks > MAX_SYMLINKS {
                        return None;
                    }
                    if target.first() == Some(&b'/') {
                        chain.clear();
                    }
                    ahead.extend(target.split(|byte| *byte == b'/').rev());
                }
                _ => chain.push((name, *id)),
            }
        }
        Some(chain)
    }
}
