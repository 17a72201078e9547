//! A tree whose files can be read, and the way single paths go from one tree to another.

use crate::epoch::Timestamp;
use crate::tree::{
    Content, Kind, Meta, Name, Node, NodeId, Objects, Origin, Tree, TreeError, TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// The largest file that is read into memory here; the largest real one is an arm64 kernel of 38 MB.
const MAX_FILE: u64 = 256 << 20;

/// As many symlinks as Linux follows in one path before it gives up.
const MAX_SYMLINKS: usize = 40;

/// A tree together with the store that holds the content of its files.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// The nodes.
    pub tree: &'a Tree,
    /// Where their content lies.
    pub objects: &'a dyn Objects,
}

/// Why a file that a boot flow needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// Nothing is there, or a directory.
    #[error("`{path}` is not a file of the root filesystem; add the package that ships it")]
    Missing {
        /// The path looked at.
        path: TreePath,
    },
    /// Larger than anything that boots.
    #[error(
        "`{path}` has {len} bytes, expected at most {MAX_FILE} of a file that is needed to boot"
    )]
    TooLarge {
        /// The file.
        path: TreePath,
        /// Its length in bytes.
        len: u64,
    },
    /// The store failed.
    #[error("cannot read `{path}` from the store")]
    Read {
        /// The file.
        path: TreePath,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads nowhere, or in a circle.
    #[error("`{path}` cannot be followed: expected a path of at most {MAX_SYMLINKS} symlinks")]
    Unfollowable {
        /// The path.
        path: TreePath,
    },
    /// Two files at one place.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl<'a> Contents<'a> {
    /// The file at `path`, symlinks followed.
    pub fn file(&self, path: &TreePath) -> Option<&'a Content> {
        match &self.tree.node(self.tree.resolve(path)?).kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// All bytes of the file at `path`, symlinks followed.
    pub fn bytes(&self, path: &TreePath) -> Result<Arc<[u8]>, ContentsError> {
        let content = self
            .file(path)
            .ok_or_else(|| ContentsError::Missing { path: path.clone() })?;
        self.read(path, content)
    }

    /// All bytes of `content`, which lies at `path`.
    pub fn read(&self, path: &TreePath, content: &Content) -> Result<Arc<[u8]>, ContentsError> {
        if content.len() > MAX_FILE {
            let (path, len) = (path.clone(), content.len());
            return Err(ContentsError::TooLarge { path, len });
        }
        content
            .read(self.objects)
            .map_err(|source| ContentsError::Read {
                path: path.clone(),
                source,
            })
    }

    /// The text of the file at `path`; bytes that are no UTF-8 become replacement characters.
    pub fn text(&self, path: &TreePath) -> Result<String, ContentsError> {
        Ok(String::from_utf8_lossy(&self.bytes(path)?).into_owned())
    }

    /// The names in directory `path` that start with `prefix`, in byte order.
    pub fn names(&self, path: &TreePath, prefix: &str) -> Vec<Name> {
        let Some(id) = self.tree.resolve(path) else {
            return Vec::new();
        };
        let wanted = |name: &Name| name.as_bytes().starts_with(prefix.as_bytes());
        let names = self.tree.entries(id).map(|(name, _)| name.clone());
        names.filter(wanted).collect()
    }

    /// Copies `path` into `target` together with every symlink that leads to it; directories on the
    /// way get mode 0755, a directory at the end stays empty.
    pub fn copy_into(&self, target: &mut Tree, path: &TreePath) -> Result<(), ContentsError> {
        let unfollowable = || ContentsError::Unfollowable { path: path.clone() };
        let mut real = TreePath::root();
        let mut ahead: Vec<Vec<u8>> = path
            .components()
            .rev()
            .map(|n| n.as_bytes().to_vec())
            .collect();
        let mut n_symlinks = 0;
        while let Some(component) = ahead.pop() {
            match component.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    real = real
                        .split_last()
                        .map_or(TreePath::root(), |(parent, _)| parent);
                    continue;
                }
                _ => {}
            }
            let next = real.join(&Name::new(&component).map_err(|_| unfollowable())?);
            let id = self
                .tree
                .at(&next)
                .ok_or_else(|| ContentsError::Missing { path: next.clone() })?;
            let node = self.tree.node(id);
            if target.at(&next).is_none() {
                let kind = match &node.kind {
                    Kind::Directory(_) => Kind::Directory(BTreeMap::new()),
                    other => other.clone(),
                };
                target.insert(&next, Node::new(kind, node.meta, node.origin.clone()))?;
            }
            match &node.kind {
                Kind::Symlink(link) => {
                    n_symlinks += 1;
                    if n_symlinks > MAX_SYMLINKS {
                        return Err(unfollowable());
                    }
                    if link.first() == Some(&b'/') {
                        real = TreePath::root();
                    }
                    ahead.extend(link.split(|b| *b == b'/').rev().map(<[u8]>::to_vec));
                }
                _ => real = next,
            }
        }
        Ok(())
    }
}

/// A path that the source spells out and that is therefore well formed.
pub(crate) fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).expect("a path in the source has no `..` and no NUL")
}

/// A file of imgbuild's own, owned by root.
pub fn builtin_file(bytes: &[u8], mode: u16, mtime: Timestamp) -> Node {
    Node::new(
        Kind::File(Content::inline(bytes)),
        Meta::root(mode, mtime),
        Origin::Builtin,
    )
}

/// A symlink of imgbuild's own.
pub fn builtin_symlink(target: &str, mtime: Timestamp) -> Node {
    let kind = Kind::Symlink(target.as_bytes().into());
    Node::new(kind, Meta::root(0o777, mtime), Origin::Builtin)
}

/// Puts `node` at `path` of `tree`, with the parents it needs.
pub(crate) fn put(tree: &mut Tree, path: &TreePath, node: Node) -> Result<NodeId, TreeError> {
    if let Some((parent, _)) = path.split_last() {
        let meta = Meta::root(0o755, node.meta.mtime);
        tree.make_directories(&parent, meta, &Origin::Builtin)?;
    }
    tree.insert(path, node)
}
