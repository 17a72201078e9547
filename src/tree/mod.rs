//! The root filesystem as a value: nodes that an ordinary user can hold, with any owner, mode,
//! device number and extended attribute.
//!
//! Names are bytes. A hard link is one node under two names. No path of a tree can name a path of
//! the host: symlinks are followed inside the tree only, and `..` stops at its root.

mod content;
mod copy;
mod dump;
#[cfg(test)]
pub(crate) mod generated;
mod lookup;
mod node;
mod path;

pub use content::{ALIGNMENT, Content, LastOpen, Objects, Piece, Slice};
pub use copy::Copier;
pub use dump::{DumpError, dump, parse_dump};
pub(crate) use lookup::MAX_SYMLINKS;
pub use node::{Kind, Meta, Node, NodeId, Origin};
pub use path::{BadName, Name, TreePath};

use crate::digest::Sha256;
use std::collections::{BTreeMap, BTreeSet};

/// Why a change to a tree is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A parent is missing.
    #[error("`{path}` has no parent directory in the tree")]
    NoParent {
        /// The path that was to be made.
        path: TreePath,
    },
    /// A parent is not a directory, or symlinks lead in a circle.
    #[error("a parent of `{path}` is not a directory")]
    NotADirectory {
        /// The path that was to be made or read.
        path: TreePath,
    },
    /// A directory would be replaced by something else.
    #[error("`{path}` is a directory and cannot be replaced by a file")]
    IsADirectory {
        /// The directory.
        path: TreePath,
    },
    /// The path does not exist.
    #[error("`{path}` is not in the tree")]
    Missing {
        /// The path.
        path: TreePath,
    },
}

/// A filesystem held in memory. File content is inline or a slice of a stored object.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Node 0 is the root directory. A removed node stays in this list, where no directory refers
    /// to it.
    nodes: Vec<Node>,
}

impl Tree {
    /// An empty root directory.
    pub fn new(meta: Meta) -> Self {
        let root = Node::new(Kind::Directory(BTreeMap::new()), meta, Origin::Builtin);
        Self { nodes: vec![root] }
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The node `id`, to be changed. Its kind stays a directory if it is one.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// The entries of directory `id`. A node of another type has none.
    pub fn entries(&self, id: NodeId) -> impl Iterator<Item = (&Name, NodeId)> {
        let entries = match &self.node(id).kind {
            Kind::Directory(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten().map(|(name, id)| (name, *id))
    }

    /// Puts `node` at `path` and gives its number. The parent must exist; symlinks to it are
    /// followed. A file that is at `path` is replaced. If both `node` and the old node are
    /// directories, the old one keeps its entries and takes over the metadata of `node`.
    ///
    /// # Errors
    ///
    /// The parent is missing or is not a directory, or a directory would be replaced by something
    /// else.
    pub fn insert(&mut self, path: &TreePath, mut node: Node) -> Result<NodeId, TreeError> {
        let old = self.at(path);
        if let Some(old) = old.filter(|old| self.node(*old).is_directory()) {
            let Kind::Directory(new_entries) = node.kind else {
                return Err(TreeError::IsADirectory { path: path.clone() });
            };
            debug_assert!(
                new_entries.is_empty(),
                "a directory is inserted without entries"
            );
            let Kind::Directory(entries) = &mut self.node_mut(old).kind else {
                unreachable!()
            };
            node.kind = Kind::Directory(std::mem::take(entries));
            *self.node_mut(old) = node;
            return Ok(old);
        }
        let id = self.add(node);
        self.link(path, id)?;
        Ok(id)
    }

    /// Adds `path` as a further name (hard link) of node `id`. A file that is at `path` is
    /// replaced.
    ///
    /// # Errors
    ///
    /// The parent is missing or is not a directory, or `path` is a directory.
    pub fn link(&mut self, path: &TreePath, id: NodeId) -> Result<(), TreeError> {
        let (parent, name) = self.entry_of(path)?;
        let existing = match &self.node(parent).kind {
            Kind::Directory(entries) => entries.get(&name).copied(),
            _ => return Err(TreeError::NotADirectory { path: path.clone() }),
        };
        if existing.is_some_and(|existing| self.node(existing).is_directory()) {
            return Err(TreeError::IsADirectory { path: path.clone() });
        }
        let Kind::Directory(entries) = &mut self.node_mut(parent).kind else {
            unreachable!()
        };
        entries.insert(name, id);
        Ok(())
    }

    /// Makes every missing directory down to `path`, with `meta` and `origin`, and gives the number
    /// of the last one.
    ///
    /// # Errors
    ///
    /// Something on the way that is not a directory.
    pub fn make_directories(
        &mut self,
        path: &TreePath,
        meta: Meta,
        origin: &Origin,
    ) -> Result<NodeId, TreeError> {
        let mut last = self.root();
        for ancestor in path.ancestors() {
            last = match self.resolve(&ancestor) {
                Some(id) if self.node(id).is_directory() => id,
                Some(_) => return Err(TreeError::NotADirectory { path: path.clone() }),
                None => {
                    let directory = Kind::Directory(BTreeMap::new());
                    self.insert(&ancestor, Node::new(directory, meta, origin.clone()))?
                }
            };
        }
        Ok(last)
    }

    /// Adds `node` to the tree without a name. Readers of filesystems use this: they fill
    /// directories through [`Tree::node_mut`], and meet a file before its second name.
    pub fn add(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        self.nodes.push(node);
        id
    }

    /// Removes the name `path`, and everything below it if it is a directory.
    ///
    /// # Errors
    ///
    /// The path or its parent is missing.
    pub fn remove(&mut self, path: &TreePath) -> Result<NodeId, TreeError> {
        let (parent, name) = self.entry_of(path)?;
        let Kind::Directory(entries) = &mut self.node_mut(parent).kind else {
            return Err(TreeError::NotADirectory { path: path.clone() });
        };
        entries
            .remove(&name)
            .ok_or_else(|| TreeError::Missing { path: path.clone() })
    }

    /// A copy of the directory `id` and everything below it, as a tree of its own.
    pub fn subtree(&self, id: NodeId) -> Self {
        let mut nodes = self.nodes.clone();
        nodes[0] = self.node(id).clone();
        Self { nodes }
    }

    /// Shows `other` at `path`, as mount(2) does: what a directory holds there is hidden.
    ///
    /// # Errors
    ///
    /// The parent of `path` is missing or is not a directory.
    pub fn mount(&mut self, path: &TreePath, other: &Tree) -> Result<(), TreeError> {
        if let Some(id) = self.at(path)
            && let Kind::Directory(entries) = &mut self.node_mut(id).kind
        {
            entries.clear();
        }
        self.graft(path, other)
    }

    /// The directory that holds the last name of `path`, and that name.
    fn entry_of(&self, path: &TreePath) -> Result<(NodeId, Name), TreeError> {
        let no_parent = || TreeError::NoParent { path: path.clone() };
        let (name, parents) = path.names().split_last().ok_or_else(no_parent)?;
        let id = self.find(parents, true).ok_or_else(no_parent)?;
        if !self.node(id).is_directory() {
            return Err(TreeError::NotADirectory { path: path.clone() });
        }
        Ok((id, name.clone()))
    }

    /// Every path with its node, parents before their entries, entries in byte order.
    pub fn walk(&self) -> Vec<(TreePath, NodeId)> {
        let mut found = Vec::new();
        self.visit(|path, id| found.push((path.clone(), id)));
        found
    }

    /// Calls `see` with every path and its node, in the order of [`Tree::walk`]. Only one path is in memory, so that
    /// deep folders cost nothing.
    pub fn visit(&self, mut see: impl FnMut(&TreePath, NodeId)) {
        self.visit_below(self.root(), &mut TreePath::root(), &mut see);
    }

    fn visit_below(&self, id: NodeId, path: &mut TreePath, see: &mut dyn FnMut(&TreePath, NodeId)) {
        see(path, id);
        for (name, entry) in self.entries(id) {
            path.push(name);
            self.visit_below(entry, path, see);
            path.pop();
        }
    }

    /// The stored objects that hold the content of the tree's files.
    pub fn objects(&self) -> BTreeSet<Sha256> {
        let content = |(_, id): (TreePath, NodeId)| match &self.node(id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        };
        let contents = self.walk().into_iter().filter_map(content);
        contents.flat_map(Content::objects).collect()
    }

    /// The number of names of each node. A directory has one.
    pub fn link_counts(&self) -> BTreeMap<NodeId, u32> {
        let mut counts = BTreeMap::new();
        self.visit(|_, id| *counts.entry(id).or_insert(0) += 1);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;

    fn meta() -> Meta {
        Meta::root(0o755, Timestamp::default())
    }

    fn node(kind: Kind) -> Node {
        Node::new(kind, meta(), Origin::Builtin)
    }

    fn directory() -> Node {
        node(Kind::Directory(BTreeMap::new()))
    }

    fn file(text: &str) -> Node {
        node(Kind::File(Content::inline(text.as_bytes())))
    }

    fn symlink(target: &str) -> Node {
        node(Kind::Symlink(target.as_bytes().into()))
    }

    fn path(text: &str) -> TreePath {
        TreePath::constant(text)
    }

    fn merged_usr() -> Tree {
        let mut tree = Tree::new(meta());
        for (at, node) in [
            ("/usr", directory()),
            ("/usr/bin", directory()),
            ("/bin", symlink("usr/bin")),
            ("/bin/sh", file("shell")),
            ("/loop", symlink("loop")),
            ("/up", symlink("../../../usr")),
            ("/abs", symlink("/bin/sh")),
        ] {
            tree.insert(&path(at), node).unwrap();
        }
        tree
    }

    #[test]
    fn parents_are_followed_through_symlinks_inside_the_tree() {
        let tree = merged_usr();
        assert_eq!(tree.at(&path("/bin/sh")), tree.at(&path("/usr/bin/sh")));
        assert_eq!(tree.resolve(&path("/abs")), tree.at(&path("/usr/bin/sh")));
        assert_ne!(tree.at(&path("/abs")), tree.resolve(&path("/abs")));
        assert_eq!(tree.real_path(&path("/abs")), Some(path("/usr/bin/sh")));
    }

    #[test]
    fn no_symlink_leaves_the_tree_or_loops_forever() {
        let tree = merged_usr();
        assert_eq!(tree.resolve(&path("/up")), tree.at(&path("/usr")));
        assert_eq!(tree.resolve(&path("/loop")), None);
        assert_eq!(tree.at(&path("/bin/sh/x")), None);
    }

    #[test]
    fn a_directory_is_never_replaced_by_a_file() {
        let mut tree = merged_usr();
        let path = path("/usr/bin");
        let refused = tree.insert(&path, file(""));
        assert_eq!(refused, Err(TreeError::IsADirectory { path }));
    }

    #[test]
    fn a_directory_over_a_directory_keeps_the_entries() {
        let mut tree = merged_usr();
        let mut private = directory();
        private.meta.mode = 0o700;
        let id = tree.insert(&path("/usr/bin"), private).unwrap();
        assert_eq!(tree.node(id).meta.mode, 0o700);
        assert!(tree.at(&path("/usr/bin/sh")).is_some());
    }

    #[test]
    fn two_names_of_a_node_are_counted_as_links() {
        let mut tree = merged_usr();
        let shell = tree.at(&path("/bin/sh")).unwrap();
        tree.link(&path("/usr/bin/dash"), shell).unwrap();
        assert_eq!(tree.link_counts()[&shell], 2);
    }

    #[test]
    fn a_subtree_put_elsewhere_has_the_same_names_there() {
        let mut tree = merged_usr();
        let usr = tree.subtree(tree.at(&path("/usr")).unwrap());
        assert!(usr.at(&path("/bin/sh")).is_some());
        assert!(usr.at(&path("/usr")).is_none());
        tree.insert(&path("/copy"), directory()).unwrap();
        tree.graft(&path("/copy"), &usr).unwrap();
        assert!(tree.at(&path("/copy/bin/sh")).is_some());
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut tree = merged_usr();
        let (path, missing) = (path("/no/where"), path("/none"));
        let refused = tree.insert(&path, file(""));
        assert_eq!(refused, Err(TreeError::NoParent { path }));
        let refused = tree.remove(&missing);
        let path = missing;
        assert_eq!(refused, Err(TreeError::Missing { path }));
    }

    proptest::proptest! {
        #[test]
        fn a_tree_that_is_grafted_and_taken_out_again_is_the_same(
            host in generated::tree(),
            other in generated::tree(),
        ) {
            let mut host = host;
            let place = path("/place");
            host.insert(&place, directory()).unwrap();
            host.graft(&place, &other).unwrap();
            let again = host.subtree(host.at(&place).unwrap());
            proptest::prop_assert_eq!(dump(&again), dump(&other));
        }
    }
}
