//! Reads the files of a system that say what it is. A file that cannot be read is remembered as a fault, and the rest
//! of the report is made without it.

use super::error::chain;
use crate::glob::glob;
use crate::tree::{Content, Kind, Name, NodeId, Objects, Tree, TreePath};
use std::cell::RefCell;
use std::sync::Arc;

/// The longest file that is read whole: a kernel has some tens of megabytes.
const MAX_FILE: u64 = 128 << 20;
/// The longest list of packages. It has some megabytes.
const MAX_LIST: u64 = 48 << 20;
/// The longest text. A list of the files of a package has some megabytes, a configuration file a few kilobytes.
const MAX_TEXT: u64 = 16 << 20;

/// The files of a system, and the faults of those that could not be read.
pub(crate) struct Files<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) objects: &'a dyn Objects,
    faults: RefCell<Vec<String>>,
}

impl<'a> Files<'a> {
    /// The files of `tree`, whose content is in `objects`.
    pub(crate) fn new(tree: &'a Tree, objects: &'a dyn Objects) -> Self {
        Self {
            tree,
            objects,
            faults: RefCell::default(),
        }
    }

    /// The faults so far.
    pub(crate) fn faults(self) -> Vec<String> {
        self.faults.into_inner()
    }

    /// Remembers a fault.
    pub(crate) fn fault(&self, fault: String) {
        self.faults.borrow_mut().push(fault);
    }

    /// The text of the file at `path`, symlinks followed. A file that is missing or cannot be read gives nothing.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.text_of(path, MAX_TEXT)
    }

    /// The text of dpkg's list of packages, or another file that may be as long.
    pub(crate) fn long_text(&self, path: &str) -> Option<String> {
        self.text_of(path, MAX_LIST)
    }

    fn text_of(&self, path: &str, max: u64) -> Option<String> {
        let path = TreePath::parse(path.as_bytes()).ok()?;
        let bytes = self.read(&path, self.tree.file(&path)?, max)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes of `content`, the file at `path`, unless it is too long or cannot be read.
    pub(crate) fn bytes(&self, path: &TreePath, content: &Content) -> Option<Arc<[u8]>> {
        self.read(path, content, MAX_FILE)
    }

    fn read(&self, path: &TreePath, content: &Content, max: u64) -> Option<Arc<[u8]>> {
        let len = content.len();
        if len > max {
            self.fault(format!(
                "`{path}` has {len} bytes, expected at most {max} of such a file"
            ));
            return None;
        }
        match content.read(self.objects) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.fault(format!("cannot read `{path}`: {}", chain(&error)));
                None
            }
        }
    }

    /// Whether there is something at `path`, symlinks followed.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = TreePath::parse(path.as_bytes());
        path.is_ok_and(|path| self.tree.resolve(&path).is_some())
    }

    /// The entries of the directory at `path`, in byte order of their names.
    pub(crate) fn entries(&self, path: &str) -> Vec<(Name, NodeId)> {
        let id = TreePath::parse(path.as_bytes());
        let Some(id) = id.ok().and_then(|path| self.tree.resolve(&path)) else {
            return Vec::new();
        };
        let entries = self.tree.entries(id);
        entries.map(|(name, id)| (name.clone(), id)).collect()
    }

    /// The paths that match `pattern`, in which `*` stands for characters of one name.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let below = |folder: &String| -> Vec<String> {
                if !part.contains('*') {
                    return vec![format!("{folder}/{part}")];
                }
                let names = self.entries(folder).into_iter().map(|(name, _)| name);
                let names = names.filter(|name| glob(part.as_bytes(), name.as_bytes()));
                names.map(|name| format!("{folder}/{name}")).collect()
            };
            found = found.iter().flat_map(below).collect();
        }
        found.retain(|path| self.has(path));
        found
    }

    /// The target of the symlink `id`.
    pub(crate) fn target(&self, id: NodeId) -> Option<String> {
        match &self.tree.node(id).kind {
            Kind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        }
    }
}
