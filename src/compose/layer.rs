//! Writes files into a tree: everything that one layer makes has the same origin and the same time.

use crate::epoch::{Epoch, Timestamp};
use crate::tree::{
    BadName, Content, Kind, Meta, Node, NodeId, Objects, Origin, Tree, TreeError, TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Why a file could not be written into the tree.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The path is no path.
    #[error(transparent)]
    Path(#[from] BadName),
    /// The tree does not take it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the tree cannot be read from the store.
    #[error("cannot read `{path}` of the tree from the store")]
    Read {
        /// The file.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// A file that must be text is not.
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
    /// A layer of `origin`; what it makes is dated `epoch` and belongs to root.
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

    /// Whether something is at `path`, a dangling symlink included.
    pub fn has(&self, path: &str) -> bool {
        TreePath::parse(path.as_bytes()).is_ok_and(|path| self.tree.at(&path).is_some())
    }

    /// The names in the folder `path`, those of folders left out; none where there is no such folder.
    pub fn files(&self, path: &str) -> Vec<String> {
        let path = TreePath::parse(path.as_bytes()).ok();
        let Some(folder) = path.and_then(|path| self.tree.resolve(&path)) else {
            return Vec::new();
        };
        let entries = self.tree.entries(folder);
        let files = entries.filter(|(_, id)| !self.tree.node(*id).is_directory());
        files.map(|(name, _)| name.to_string()).collect()
    }

    /// Owner and times of what is made here.
    fn meta(&self, mode: u16) -> Meta {
        Meta::root(mode, Timestamp::from(self.epoch))
    }

    /// Puts `kind` at `path`, making missing parents with mode 755.
    pub fn put(&mut self, path: &TreePath, kind: Kind, mode: u16) -> Result<NodeId, LayerError> {
        if let Some((parent, _)) = path.split_last() {
            self.tree
                .make_directories(&parent, self.meta(0o755), &self.origin.clone())?;
        }
        let node = Node::new(kind, self.meta(mode), self.origin.clone());
        Ok(self.tree.insert(path, node)?)
    }

    /// Puts a file with `bytes` at `path`.
    pub fn file(
        &mut self,
        path: &str,
        bytes: impl AsRef<[u8]>,
        mode: u16,
    ) -> Result<NodeId, LayerError> {
        let content = Content::inline(bytes.as_ref());
        self.put(
            &TreePath::parse(path.as_bytes())?,
            Kind::File(content),
            mode,
        )
    }

    /// Puts a symlink to `target` at `path`.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<NodeId, LayerError> {
        let target = Kind::Symlink(Arc::from(target.as_bytes()));
        self.put(&TreePath::parse(path.as_bytes())?, target, 0o777)
    }

    /// Makes the directory `path`, or changes the mode of the one that is there.
    pub fn directory(&mut self, path: &str, mode: u16) -> Result<NodeId, LayerError> {
        self.put(
            &TreePath::parse(path.as_bytes())?,
            Kind::Directory(BTreeMap::new()),
            mode,
        )
    }

    /// Gives node `id` to `uid` and `gid`.
    pub fn own(&mut self, id: NodeId, uid: u32, gid: u32) {
        let meta = &mut self.tree.node_mut(id).meta;
        (meta.uid, meta.gid) = (uid, gid);
    }

    /// Takes `path` away if it is there, with everything below it.
    pub fn remove(&mut self, path: &str) -> Result<(), LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        if self.tree.at(&path).is_some() {
            self.tree.remove(&path)?;
        }
        Ok(())
    }

    /// The bytes of the file that `path` leads to, if it leads to one.
    pub fn bytes(&self, path: &str) -> Result<Option<Arc<[u8]>>, LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        let node = self.tree.resolve(&path).map(|id| &self.tree.node(id).kind);
        let Some(Kind::File(content)) = node else {
            return Ok(None);
        };
        let read = content.read(self.objects);
        let bytes = read.map_err(|source| LayerError::Read { path, source })?;
        Ok(Some(bytes))
    }

    /// The text of the file at `path`; empty if there is no such file.
    pub fn text(&self, path: &str) -> Result<String, LayerError> {
        let bytes = self.bytes(path)?.unwrap_or_default();
        let path = TreePath::parse(path.as_bytes())?;
        String::from_utf8(bytes.to_vec()).map_err(|_| LayerError::NotText { path })
    }

    /// Replaces the content of the file at `path`, whose owner and mode stay.
    pub fn rewrite(&mut self, path: &str, text: &str) -> Result<(), LayerError> {
        let path = TreePath::parse(path.as_bytes())?;
        let id = self
            .tree
            .resolve(&path)
            .ok_or(TreeError::Missing { path })?;
        let mtime = Timestamp::from(self.epoch);
        let node = self.tree.node_mut(id);
        node.kind = Kind::File(Content::inline(text.as_bytes()));
        node.meta.mtime = mtime;
        node.origin = self.origin.clone();
        Ok(())
    }
}
