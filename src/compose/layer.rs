//! Writes files into a tree. All nodes that one layer makes have the same origin and time.

use crate::epoch::{Epoch, Timestamp};
use crate::tree::{
    BadName, Content, Kind, Meta, Node, NodeId, Objects, Origin, Tree, TreeError, TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Why a file cannot be written into the tree.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A path is not valid.
    #[error(transparent)]
    Path(#[from] BadName),
    /// The tree does not take the node.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the tree cannot be read from the store.
    #[error("cannot read `{path}` of the tree")]
    Read {
        /// The file.
        path: TreePath,
        /// The error of the system.
        source: io::Error,
    },
    /// A file is not text.
    #[error("`{path}` in the tree is not UTF-8 text")]
    NotText {
        /// The file.
        path: TreePath,
    },
}

/// Writes files, directories and links into `tree`.
pub struct Layer<'a> {
    tree: &'a mut Tree,
    objects: &'a dyn Objects,
    epoch: Epoch,
    origin: Origin,
}

impl<'a> Layer<'a> {
    /// A layer whose nodes have `origin` and the time `epoch`, and belong to root.
    pub fn new(tree: &'a mut Tree, objects: &'a dyn Objects, epoch: Epoch, origin: Origin) -> Self {
        Self {
            tree,
            objects,
            epoch,
            origin,
        }
    }

    /// The tree under the layer.
    pub fn tree(&self) -> &Tree {
        self.tree
    }

    /// Whether `path` exists. A dangling symlink does.
    pub fn has(&self, path: &str) -> bool {
        TreePath::parse(path.as_bytes()).is_ok_and(|path| self.tree.at(&path).is_some())
    }

    /// The names in the folder `path`, except those of folders. A folder that is missing has none.
    pub fn files(&self, path: &str) -> Vec<String> {
        let path = TreePath::parse(path.as_bytes()).ok();
        let Some(folder) = path.and_then(|path| self.tree.resolve(&path)) else {
            return Vec::new();
        };
        let entries = self.tree.entries(folder);
        let files = entries.filter(|(_, id)| !self.tree.node(*id).is_directory());
        files.map(|(name, _)| name.to_string()).collect()
    }

    /// The metadata of a node that this layer makes.
    fn meta(&self, mode: u16) -> Meta {
        Meta::root(mode, Timestamp::from(self.epoch))
    }

    /// Puts `kind` at `path`, and makes missing parents with mode 0755.
    ///
    /// # Errors
    ///
    /// The tree does not take the node.
    pub fn put(&mut self, path: &TreePath, kind: Kind, mode: u16) -> Result<NodeId, LayerError> {
        if let Some((parent, _)) = path.split_last() {
            self.tree
                .make_directories(&parent, self.meta(0o755), &self.origin.clone())?;
        }
        let node = Node::new(kind, self.meta(mode), self.origin.clone());
        Ok(self.tree.insert(path, node)?)
    }

    /// Puts a file with `bytes` at `path`.
    ///
    /// # Errors
    ///
    /// The path is not valid, or the tree does not take the file.
    pub fn file(
        &mut self,
        path: &str,
        bytes: impl AsRef<[u8]>,
        mode: u16,
    ) -> Result<NodeId, LayerError> {
        let file = Kind::File(Content::inline(bytes.as_ref()));
        self.put(&TreePath::parse(path.as_bytes())?, file, mode)
    }

    /// Puts a symlink to `target` at `path`.
    ///
    /// # Errors
    ///
    /// The path is not valid, or the tree does not take the symlink.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<NodeId, LayerError> {
        let target = Kind::Symlink(Arc::from(target.as_bytes()));
        self.put(&TreePath::parse(path.as_bytes())?, target, 0o777)
    }

    /// Makes the directory `path`, or gives an existing one the mode, time and owner of this layer.
    ///
    /// # Errors
    ///
    /// The path is not valid, or the tree does not take the directory.
    pub fn directory(&mut self, path: &str, mode: u16) -> Result<NodeId, LayerError> {
        let directory = Kind::Directory(BTreeMap::new());
        self.put(&TreePath::parse(path.as_bytes())?, directory, mode)
    }

    /// Gives node `id` to `uid` and `gid`.
    pub fn own(&mut self, id: NodeId, uid: u32, gid: u32) {
        let meta = &mut self.tree.node_mut(id).meta;
        (meta.uid, meta.gid) = (uid, gid);
    }

    /// Removes `path` with everything below it, if it exists.
    ///
    /// # Errors
    ///
    /// The path is not valid.
    pub fn remove(&mut self, path: &str) -> Result<(), LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        if self.tree.at(&path).is_some() {
            self.tree.remove(&path)?;
        }
        Ok(())
    }

    /// The bytes of the file at `path`, symlinks followed, if there is one.
    ///
    /// # Errors
    ///
    /// The path is not valid, or the file cannot be read.
    pub fn bytes(&self, path: &str) -> Result<Option<Arc<[u8]>>, LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        let content = self.tree.file(&path);
        let bytes = content.map(|content| content.read(self.objects));
        let bytes = bytes.transpose();
        bytes.map_err(|source| LayerError::Read { path, source })
    }

    /// The text of the file at `path`, which is empty if there is no such file.
    ///
    /// # Errors
    ///
    /// The path is not valid, or the file cannot be read or is not text.
    pub fn text(&self, path: &str) -> Result<String, LayerError> {
        let bytes = self.bytes(path)?.unwrap_or_default();
        let path = TreePath::parse(path.as_bytes())?;
        String::from_utf8(bytes.to_vec()).map_err(|_| LayerError::NotText { path })
    }

    /// Replaces the content of the file at `path`, and keeps its owner and mode.
    ///
    /// # Errors
    ///
    /// The path is not valid, or does not exist.
    pub fn rewrite(&mut self, path: &str, text: &str) -> Result<(), LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        let id = self.tree.resolve(&path);
        let id = id.ok_or(TreeError::Missing { path })?;
        let mtime = Timestamp::from(self.epoch);
        let node = self.tree.node_mut(id);
        node.kind = Kind::File(Content::inline(text.as_bytes()));
        node.meta.mtime = mtime;
        node.origin = self.origin.clone();
        Ok(())
    }
}
