//! A tree whose files can be read, and the copying of single paths from one tree to another.

use crate::epoch::Timestamp;
use crate::tree::{
    Content, Kind, MAX_SYMLINKS, Meta, Name, Node, NodeId, Objects, Origin, Tree, TreeError,
    TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// The largest file that is read into memory here; the largest real one is an arm64 kernel of 38 MB.
const MAX_FILE: u64 = 256 << 20;

/// A tree together with the store that holds the content of its files.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// The nodes.
    pub tree: &'a Tree,
    /// The store that holds the content of files.
    pub objects: &'a dyn Objects,
}

/// Why a file that a boot flow needs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The path does not exist, or is a directory.
    #[error("`{path}` is not a file of the root filesystem; add the package that ships it")]
    Missing {
        /// The path.
        path: TreePath,
    },
    /// The file is larger than any file that is needed to boot.
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
        /// The error of the system.
        source: io::Error,
    },
    /// The path has too many symlinks, or a symlink with an impossible target.
    #[error("`{path}` cannot be followed: expected a path of at most {MAX_SYMLINKS} symlinks")]
    Unfollowable {
        /// The path.
        path: TreePath,
    },
    /// The tree does not take the file.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl<'a> Contents<'a> {
    /// The files of `tree`, whose content is in `objects`.
    pub fn new(tree: &'a Tree, objects: &'a dyn Objects) -> Self {
        Self { tree, objects }
    }

    /// The file at `path`, symlinks followed.
    pub fn file(&self, path: &TreePath) -> Option<&'a Content> {
        self.tree.file(path)
    }

    /// The file at `path`, symlinks followed, which has to exist.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub fn needed(&self, path: &TreePath) -> Result<&'a Content, ContentsError> {
        let missing = || ContentsError::Missing { path: path.clone() };
        self.file(path).ok_or_else(missing)
    }

    /// All bytes of the file at `path`, symlinks followed.
    ///
    /// # Errors
    ///
    /// The file is missing, too large or unreadable.
    pub fn bytes(&self, path: &TreePath) -> Result<Arc<[u8]>, ContentsError> {
        self.read(path, self.needed(path)?)
    }

    /// All bytes of `content`, the file at `path`.
    ///
    /// # Errors
    ///
    /// The file is too large or unreadable.
    pub fn read(&self, path: &TreePath, content: &Content) -> Result<Arc<[u8]>, ContentsError> {
        if content.len() > MAX_FILE {
            let (path, len) = (path.clone(), content.len());
            return Err(ContentsError::TooLarge { path, len });
        }
        let read = content.read(self.objects);
        read.map_err(|source| {
            let path = path.clone();
            ContentsError::Read { path, source }
        })
    }

    /// The text of the file at `path`. Bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    ///
    /// The file is missing, too large or unreadable.
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

    /// Copies `path` into `target`, together with every symlink and directory on the way to it. If `path`
    /// is a directory, it is copied without its entries.
    ///
    /// # Errors
    ///
    /// A part of the path is missing, or its symlinks cannot be followed.
    pub fn copy_into(&self, target: &mut Tree, path: &TreePath) -> Result<(), ContentsError> {
        let unfollowable = || ContentsError::Unfollowable { path: path.clone() };
        let mut real = TreePath::root();
        let names = path.components().rev();
        let mut ahead: Vec<Vec<u8>> = names.map(|name| name.as_bytes().to_vec()).collect();
        let mut n_symlinks = 0;
        while let Some(component) = ahead.pop() {
            match component.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    let parent = real.split_last().map(|(parent, _)| parent);
                    real = parent.unwrap_or(TreePath::root());
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

/// A path that is spelled out in the source code.
pub(crate) fn path(text: &str) -> TreePath {
    TreePath::constant(text)
}

/// A file that imgbuild makes, owned by root.
pub fn builtin_file(bytes: &[u8], mode: u16, mtime: Timestamp) -> Node {
    Node::new(
        Kind::File(Content::inline(bytes)),
        Meta::root(mode, mtime),
        Origin::Builtin,
    )
}

/// A symlink that imgbuild makes.
pub fn builtin_symlink(target: &str, mtime: Timestamp) -> Node {
    let kind = Kind::Symlink(target.as_bytes().into());
    Node::new(kind, Meta::root(0o777, mtime), Origin::Builtin)
}

/// Puts `node` at `path` of `tree`, and makes missing parents with mode 0755.
pub(crate) fn put(tree: &mut Tree, path: &TreePath, node: Node) -> Result<NodeId, TreeError> {
    if let Some((parent, _)) = path.split_last() {
        let meta = Meta::root(0o755, node.meta.mtime);
        tree.make_directories(&parent, meta, &Origin::Builtin)?;
    }
    tree.insert(path, node)
}
