//! The tree as a list of directories and files that FAT can hold, checked, with all names chosen.

use super::format::{ENTRY_SIZE, MAX_ENTRIES, Short};
use super::geometry::Geometry;
use super::name::{self, LongName};
use super::{FatBits, FatError};
use crate::epoch::Timestamp;
use crate::tree::{Content, Kind, Name, NodeId, Tree, TreePath};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// The directory or file of an entry, by its index in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Directory(usize),
    File(usize),
}

/// One name in a directory.
pub(super) struct Entry {
    pub(super) short: Short,
    /// `None` if the 8.3 name is the whole name.
    pub(super) long: Option<LongName>,
    pub(super) target: Target,
}

pub(super) struct Directory {
    pub(super) path: TreePath,
    /// The index of the parent directory; the root is its own parent.
    pub(super) parent: usize,
    pub(super) mtime: Timestamp,
    pub(super) entries: Vec<Entry>,
    /// Number of entries of 32 bytes; a long name takes several.
    pub(super) n_slots: usize,
}

pub(super) struct File {
    pub(super) content: Content,
    pub(super) mtime: Timestamp,
}

/// Directories and files in the order in which they lie on the disk; directory 0 is the root.
pub(super) struct Catalogue {
    pub(super) directories: Vec<Directory>,
    pub(super) files: Vec<File>,
}

impl Catalogue {
    /// Lists `tree`, directory by directory, each in the order of the bytes of its names.
    pub(super) fn of(tree: &Tree, has_label: bool) -> Result<Self, FatError> {
        let mut catalogue = Self {
            directories: Vec::new(),
            files: Vec::new(),
        };
        let mut nodes = vec![tree.root()];
        catalogue.add_directory(tree, TreePath::root(), tree.root(), 0);
        let mut index = 0;
        while index < nodes.len() {
            catalogue.list(tree, &mut nodes, index, has_label)?;
            index += 1;
        }
        Ok(catalogue)
    }

    fn add_directory(&mut self, tree: &Tree, path: TreePath, id: NodeId, parent: usize) {
        self.directories.push(Directory {
            path,
            parent,
            mtime: tree.node(id).meta.mtime,
            entries: Vec::new(),
            n_slots: 0,
        });
    }

    /// Fills directory `index`, and appends its directories and files.
    fn list(
        &mut self,
        tree: &Tree,
        nodes: &mut Vec<NodeId>,
        index: usize,
        has_label: bool,
    ) -> Result<(), FatError> {
        let path = self.directories[index].path.clone();
        let names = spelled(tree, nodes[index], &path)?;
        let texts: Vec<&str> = names.iter().map(|(_, _, text)| *text).collect();
        let mut entries = Vec::with_capacity(names.len());
        // The label stands in the root, `.` and `..` in every other directory.
        let mut n_slots = if index > 0 { 2 } else { usize::from(has_label) };
        for ((id, long, text), short) in names.iter().zip(name::short_names(&texts)) {
            let is_short = name::is_short(text);
            n_slots += long.n_entries(is_short);
            let at = || path.join(&Name::new(text.as_bytes()).expect("it comes from a tree"));
            let target = self.target(tree, nodes, *id, index, at)?;
            let long = (!is_short).then(|| long.clone());
            entries.push(Entry {
                short,
                long,
                target,
            });
        }
        if n_slots > MAX_ENTRIES {
            return Err(FatError::DirectoryFull {
                path,
                found: n_slots,
                max: MAX_ENTRIES,
            });
        }
        let directory = &mut self.directories[index];
        (directory.entries, directory.n_slots) = (entries, n_slots);
        Ok(())
    }

    fn target(
        &mut self,
        tree: &Tree,
        nodes: &mut Vec<NodeId>,
        id: NodeId,
        parent: usize,
        path: impl Fn() -> TreePath,
    ) -> Result<Target, FatError> {
        let node = tree.node(id);
        let kind = match &node.kind {
            Kind::Directory(_) => {
                self.add_directory(tree, path(), id, parent);
                nodes.push(id);
                return Ok(Target::Directory(nodes.len() - 1));
            }
            Kind::File(content) => {
                if u32::try_from(content.len()).is_err() {
                    let len = Bytes(content.len());
                    return Err(FatError::FileTooLong { path: path(), len });
                }
                let (content, mtime) = (content.clone(), node.meta.mtime);
                self.files.push(File { content, mtime });
                return Ok(Target::File(self.files.len() - 1));
            }
            Kind::Symlink(_) => "symbolic link",
            Kind::BlockDevice { .. } => "block device",
            Kind::CharDevice { .. } => "character device",
            Kind::Fifo => "named pipe",
            Kind::Socket => "socket",
        };
        Err(FatError::Kind { path: path(), kind })
    }

    /// Refuses more entries than the fixed root directory of FAT12 and FAT16 holds.
    pub(super) fn check_root(&self, geometry: &Geometry) -> Result<(), FatError> {
        let root = &self.directories[0];
        let max = usize::try_from(geometry.root_entries).expect("at most 65,535");
        if geometry.bits != FatBits::Fat32 && root.n_slots > max {
            let (path, found) = (root.path.clone(), root.n_slots);
            return Err(FatError::DirectoryFull { path, found, max });
        }
        Ok(())
    }

    /// Number of clusters of all directories and files.
    pub(super) fn clusters(&self, geometry: &Geometry) -> u128 {
        let directories = (0..self.directories.len()).map(|n| self.directory_clusters(n, geometry));
        let files = self
            .files
            .iter()
            .map(|file| geometry.clusters_for(file.content.len()));
        directories.chain(files).map(u128::from).sum()
    }

    /// Number of clusters of directory `index`: 0 for a root that lies before the clusters.
    pub(super) fn directory_clusters(&self, index: usize, geometry: &Geometry) -> u64 {
        if index == 0 && geometry.bits != FatBits::Fat32 {
            return 0;
        }
        let len = self.directories[index].n_slots * ENTRY_SIZE;
        geometry.clusters_for(len as u64).max(1)
    }
}

/// The entries of directory `id` with their names checked.
fn spelled<'a>(
    tree: &'a Tree,
    id: NodeId,
    path: &TreePath,
) -> Result<Vec<(NodeId, LongName, &'a str)>, FatError> {
    let mut names = Vec::new();
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for (name, entry) in tree.entries(id) {
        let (long, text) = LongName::new(name.as_bytes()).map_err(|reason| FatError::Name {
            path: path.join(name),
            reason,
        })?;
        if let Some(first) = seen.insert(name::folded(text), name) {
            let (first, second) = (path.join(first), path.join(name));
            return Err(FatError::Case { first, second });
        }
        names.push((entry, long, text));
    }
    Ok(names)
}
