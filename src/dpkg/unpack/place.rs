//! Places one member of data.tar, by dpkg's rules (`tarobject` in `src/main/archives.c`):
//!
//! ```text
//!                      is a file     is a symlink    is a directory
//! there is nothing     place         place           place
//! a file, a symlink    replace       replace         replace; over a symlink to a directory: keep
//! a directory          refuse        keep            keep
//! ```
//!
//! "Keep" leaves owner, mode and time of the existing node. A path that another package lists is
//! taken over only with `Replaces`, or if a diversion moves one of the two files away.

use super::UnpackError;
use super::installer::{Incoming, Installer, content, listed_name};
use crate::dpkg::database::PackageKey;
use crate::dpkg::deb::{Entry, EntryKind};
use crate::tree::{Kind, Meta, Name, Node, NodeId, Origin, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The unpacking of one package's members.
pub(super) struct Placement<'a, 'b> {
    installer: &'a mut Installer<'b>,
    incoming: &'a mut Incoming,
    origin: Origin,
    /// Declared conffiles by path: their index.
    conffiles: BTreeMap<Vec<u8>, usize>,
    /// The paths of the package, in order.
    list: Vec<Vec<u8>>,
    /// The paths that were written, and that other packages therefore lose.
    written: BTreeSet<Vec<u8>>,
}

impl<'a, 'b> Placement<'a, 'b> {
    pub(super) fn new(installer: &'a mut Installer<'b>, incoming: &'a mut Incoming) -> Self {
        let conffiles = incoming.record.conffiles.iter().enumerate();
        let conffiles = conffiles
            .map(|(index, conffile)| (listed_name(&conffile.path), index))
            .collect();
        let origin = Origin::Package(Arc::from(incoming.record.name()));
        Self {
            installer,
            incoming,
            origin,
            conffiles,
            list: Vec::new(),
            written: BTreeSet::new(),
        }
    }

    /// Places one member.
    pub(super) fn place(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        let listed = listed_name(&entry.name);
        let path = self.path(&entry.name)?;
        self.list.push(listed.clone());
        let conffile = self.conffile(&listed, &path)?;
        self.refuse_diverted(&listed, &path)?;
        let target = self.target(&listed)?;
        let target = if conffile {
            self.dereferenced(target)
        } else {
            target
        };
        if self.is_kept(entry, &target) {
            return Ok(());
        }
        let is_there = self.installer.tree.at(&target).is_some();
        if self.is_replaced(entry, &listed, &path, is_there)? {
            self.list.pop();
            if let Some(index) = self.conffiles.get(&listed) {
                self.incoming.record.conffiles[*index].obsolete = true;
            }
            return Ok(());
        }
        let target = if conffile {
            self.dpkg_new(&target, &entry.name)?
        } else {
            target
        };
        self.write(entry, &listed, &target)?;
        self.written.insert(listed);
        Ok(())
    }

    /// Takes the written paths off the lists of other packages, and gives the package's own list.
    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        let Self {
            installer,
            incoming,
            conffiles,
            list,
            written,
            ..
        } = self;
        let name = incoming.record.name();
        for path in &written {
            let diversion = installer
                .database
                .diversions
                .of(path)
                .map(|found| &found.package[..]);
            if diversion == Some(name.as_bytes()) {
                continue;
            }
            let Some(owners) = installer.listed.get_mut(path) else {
                continue;
            };
            let is_diverter = |(owner, _): &PackageKey| diversion == Some(owner.as_bytes());
            let (keeping, losing): (Vec<_>, Vec<_>) = owners.drain(..).partition(is_diverter);
            *owners = keeping;
            for key in losing {
                let other = installer.database.packages.get_mut(&key);
                let other = other.expect("a package that lists a path is in the database");
                other.list.retain(|listed| listed != path);
                other.list_is_new = true;
                let lost = other
                    .record
                    .conffiles
                    .iter_mut()
                    .find(|conffile| conffile.path == *path);
                if let Some(conffile) = lost.filter(|_| conffiles.contains_key(path)) {
                    conffile.obsolete = true;
                }
            }
        }
        list
    }

    fn package(&self) -> String {
        self.incoming.record.name().to_owned()
    }

    fn bad_name(&self, member: &[u8]) -> UnpackError {
        UnpackError::Name {
            package: self.package(),
            member: member.to_vec(),
        }
    }

    fn path(&self, member: &[u8]) -> Result<TreePath, UnpackError> {
        if member.is_empty() || member.starts_with(b"/") || member.contains(&b'\n') {
            return Err(self.bad_name(member));
        }
        TreePath::parse(member).map_err(|_| self.bad_name(member))
    }

    /// Whether the package declares this path as a conffile that it ships.
    fn conffile(&self, listed: &[u8], path: &TreePath) -> Result<bool, UnpackError> {
        match self
            .conffiles
            .get(listed)
            .map(|index| &self.incoming.record.conffiles[*index])
        {
            None => Ok(false),
            Some(conffile) if !conffile.remove_on_upgrade => Ok(true),
            Some(_) => {
                let (package, path) = (self.package(), path.clone());
                Err(UnpackError::RemovedConffile { package, path })
            }
        }
    }

    fn refuse_diverted(&self, listed: &[u8], path: &TreePath) -> Result<(), UnpackError> {
        match self.installer.database.diversions.to(listed) {
            None => Ok(()),
            Some(diversion) => Err(UnpackError::Diverted {
                package: self.package(),
                path: path.clone(),
                from: diversion.from.clone(),
            }),
        }
    }

    /// The path of the file that the package lists as `listed`, after diversions.
    fn target(&self, listed: &[u8]) -> Result<TreePath, UnpackError> {
        let name = self.incoming.record.name();
        let target = self.installer.database.diversions.target(listed, name);
        TreePath::parse(target).map_err(|_| self.bad_name(target))
    }

    /// The path that a conffile at `path` has if symlinks are followed, as dpkg follows them.
    fn dereferenced(&self, path: TreePath) -> TreePath {
        self.installer.tree.real_path(&path).unwrap_or(path)
    }

    fn dpkg_new(&self, path: &TreePath, member: &[u8]) -> Result<TreePath, UnpackError> {
        let name = path.split_last().and_then(|(parent, name)| {
            let name = Name::new(&[name.as_bytes(), b".dpkg-new"].concat()).ok()?;
            Some(parent.join(&name))
        });
        name.ok_or_else(|| self.bad_name(member))
    }

    /// Whether the node at `target` stays as it is, because it and the member are the same
    /// directory.
    fn is_kept(&self, entry: &Entry, target: &TreePath) -> bool {
        let tree = &self.installer.tree;
        let is_directory = |id: NodeId| tree.node(id).is_directory();
        match (&entry.kind, tree.at(target)) {
            (_, None) => false,
            (EntryKind::Directory, Some(_)) => tree.resolve(target).is_some_and(is_directory),
            (EntryKind::Symlink(link), Some(id)) => {
                let leads_to = || tree.resolve(target).filter(|id| is_directory(*id));
                is_directory(id)
                    || leads_to().is_some_and(|id| led_to(tree, target, link) == Some(id))
            }
            _ => false,
        }
    }

    /// Whether another package that lists this path replaces this package, so that its file stays
    /// and this package's list lacks the path.
    fn is_replaced(
        &self,
        entry: &Entry,
        listed: &[u8],
        path: &TreePath,
        is_there: bool,
    ) -> Result<bool, UnpackError> {
        let Installer {
            listed: owners,
            database,
            ..
        } = &*self.installer;
        let own = &self.incoming.record;
        let diverter = database
            .diversions
            .of(listed)
            .map(|diversion| &diversion.package[..]);
        let diverts = |name: &str| diverter == Some(name.as_bytes());
        let mut is_replaced = false;
        for key in owners.get(listed).into_iter().flatten() {
            let other = &database.packages[key].record;
            let shared = !is_there && entry.kind == EntryKind::Directory;
            if shared || diverts(own.name()) || diverts(other.name()) || own.replaces(other) {
                continue;
            }
            if !other.replaces(own) {
                let (package, path) = (self.package(), path.clone());
                return Err(UnpackError::Conflict {
                    package,
                    owner: key.0.clone(),
                    path,
                });
            }
            is_replaced = true;
        }
        Ok(is_replaced)
    }

    /// Puts the member at `target`.
    fn write(
        &mut self,
        entry: &Entry,
        listed: &[u8],
        target: &TreePath,
    ) -> Result<(), UnpackError> {
        let meta = self.meta(entry, listed);
        let kind = match &entry.kind {
            EntryKind::HardLink(first) => return self.link(first, target, meta),
            EntryKind::File => Kind::File(content(entry, &self.incoming.data)),
            EntryKind::Directory => Kind::Directory(BTreeMap::new()),
            EntryKind::Symlink(link) => Kind::Symlink(link.as_slice().into()),
            EntryKind::Fifo => Kind::Fifo,
            &EntryKind::CharDevice { major, minor } => Kind::CharDevice { major, minor },
            &EntryKind::BlockDevice { major, minor } => Kind::BlockDevice { major, minor },
        };
        let node = Node::new(kind, meta, self.origin.clone());
        let placed = self.installer.tree.insert(target, node);
        placed
            .map(|_| ())
            .map_err(|error| UnpackError::Place(self.package(), error))
    }

    /// Places a hard link to the member `first`, which is at `*.dpkg-new` if it is a conffile.
    fn link(&mut self, first: &[u8], target: &TreePath, meta: Meta) -> Result<(), UnpackError> {
        let listed = listed_name(first);
        let mut found = self.target(&listed)?;
        if self.conffile(&listed, &found)? {
            found = self.dpkg_new(&self.dereferenced(found), first)?;
        }
        let is_file = |id: &NodeId| matches!(self.installer.tree.node(*id).kind, Kind::File(_));
        let id = self.installer.tree.at(&found).filter(is_file);
        let id = id.ok_or_else(|| UnpackError::HardLink {
            package: self.package(),
            path: target.clone(),
            target: first.to_vec(),
        })?;
        self.installer.tree.node_mut(id).meta = meta;
        let linked = self.installer.tree.link(target, id);
        linked.map_err(|error| UnpackError::Place(self.package(), error))
    }

    fn meta(&self, entry: &Entry, listed: &[u8]) -> Meta {
        let Installer {
            owners, database, ..
        } = &*self.installer;
        let own = Meta {
            mode: if matches!(entry.kind, EntryKind::Symlink(_)) {
                0o777
            } else {
                entry.mode
            },
            uid: owners.user(&entry.user, entry.uid),
            gid: owners.group(&entry.group, entry.gid),
            mtime: entry.mtime,
        };
        let id = |name: &[u8]| {
            std::str::from_utf8(name.strip_prefix(b"#")?)
                .ok()?
                .parse()
                .ok()
        };
        match database.overrides.get(listed) {
            None => own,
            Some(other) => Meta {
                mode: other.mode,
                uid: id(&other.user).unwrap_or_else(|| owners.user(&other.user, own.uid)),
                gid: id(&other.group).unwrap_or_else(|| owners.group(&other.group, own.gid)),
                ..own
            },
        }
    }
}

/// The node to which a symlink at `path` with target `link` would lead.
fn led_to(tree: &Tree, path: &TreePath, link: &[u8]) -> Option<NodeId> {
    let (parent, _) = path.split_last()?;
    let start = if link.starts_with(b"/") {
        TreePath::root()
    } else {
        tree.real_path(&parent)?
    };
    let mut at = start;
    for component in link.split(|byte| *byte == b'/') {
        at = match component {
            b"" | b"." => at,
            b".." => at
                .split_last()
                .map_or_else(TreePath::root, |(parent, _)| parent),
            name => tree.real_path(&at.join(&Name::new(name).ok()?))?,
        };
    }
    tree.at(&at)
}
