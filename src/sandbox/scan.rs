//! Reads the files of the sandbox back into a tree.
//!
//! A file that no script touched keeps its node. A new or changed file has the origin `script`, its
//! content goes into one bundle in path order, and a time that lies within this run becomes the
//! epoch. Whatever a script made, the scan takes no more memory than the names need and no more
//! disk than the data: zeros become holes (`sparse`), and a path that no program could open is
//! refused.

use super::error::{Doing, Failure};
use super::materialize::{Stamp, WrittenTree, below, stamp};
use super::owners::{Inode, Owners};
use super::sparse::{self, Run};
use crate::digest::{HashingWriter, Sha256};
use crate::epoch::{Epoch, Timestamp};
use crate::listing;
use crate::tree::{
    Content, Copier, Kind, Meta, Name, Node, NodeId, Objects, Origin, Piece, Slice, Tree, TreePath,
};
use rustix::fs::{CWD, FileType};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The input of a scan.
pub(super) struct Scan<'a> {
    /// The tree as it was written to disk.
    pub(super) before: &'a Tree,
    pub(super) written: &'a WrittenTree,
    pub(super) owners: &'a Owners,
    pub(super) objects: &'a dyn Objects,
    /// The paths that the sandbox itself made.
    pub(super) hidden: &'a BTreeSet<TreePath>,
    /// The time before any script ran, by the clock of the filesystem.
    pub(super) started: i64,
    pub(super) epoch: Epoch,
}

/// A scan in progress.
struct Reader<'a, W> {
    scan: &'a Scan<'a>,
    root: &'a Path,
    device: u64,
    after: Tree,
    seen: BTreeMap<Inode, NodeId>,
    contents: HashingWriter<W>,
    /// The length of the bundle so far.
    len: u64,
    /// The nodes whose content is in the bundle. The bundle's digest is not known yet.
    bundled: Vec<(NodeId, Vec<Piece>)>,
    /// The paths that are still to be read, the next one last.
    left: Vec<TreePath>,
}

impl Scan<'_> {
    /// Reads the folder `root`, and gives the tree and the digest of the bytes that were written to
    /// `bundle`.
    pub(super) fn read<W: io::Write>(
        &self,
        root: &Path,
        bundle: W,
    ) -> Result<(Tree, Sha256), Failure> {
        let (inode, _) = stamp(root).doing(|| "read back `/`".to_owned())?;
        let mut reader = Reader {
            scan: self,
            root,
            device: inode.device,
            after: Tree::new(Meta::root(0o755, Timestamp::default())),
            seen: BTreeMap::new(),
            contents: HashingWriter::new(bundle),
            len: 0,
            bundled: Vec::new(),
            left: vec![TreePath::root()],
        };
        while let Some(path) = reader.left.pop() {
            reader.entry(&path)?;
        }
        let Reader {
            mut after,
            contents,
            bundled,
            ..
        } = reader;
        let (mut bundle, object) = contents.finish();
        bundle.flush().doing(|| "write the contents".to_owned())?;
        for (id, pieces) in bundled {
            after.node_mut(id).kind = Kind::File(moved(pieces, &BUNDLE, object));
        }
        let mut copier = Copier::new(self.before);
        for (path, id) in &self.written.left_out {
            let free = after.at(path).is_none();
            let parent = path.split_last().and_then(|(parent, _)| after.at(&parent));
            if free && parent.is_some_and(|parent| after.node(parent).is_directory()) {
                let kept = copier.copy(*id, &mut after, path);
                debug_assert!(kept.is_ok(), "the parent was looked up");
            }
        }
        Ok((after, object))
    }
}

impl<W: io::Write> Reader<'_, W> {
    fn entry(&mut self, path: &TreePath) -> Result<(), Failure> {
        if self.scan.hidden.contains(path) {
            return Ok(());
        }
        let doing = || format!("read back `{path}`");
        let target = below(self.root, path);
        let (inode, stamp) = stamp(&target).doing(doing)?;
        if inode.device != self.device {
            return Ok(());
        }
        let kind = FileType::from_raw_mode(stamp.mode);
        if let Some(id) = self.seen.get(&inode) {
            let linked = self.after.link(path, *id);
            return linked.map_err(io::Error::other).doing(doing);
        }
        let node = match self.before(path, inode, stamp, kind) {
            Some((node, true)) => node.clone(),
            before => {
                let before = before.map(|(node, _)| node);
                let meta = self.meta(inode, stamp, before, kind);
                self.changed(&target, meta, before, kind).doing(doing)?
            }
        };
        let id = self
            .after
            .insert(path, node)
            .map_err(io::Error::other)
            .doing(doing)?;
        if kind == FileType::Directory {
            return self.enter(path, &target);
        }
        self.seen.insert(inode, id);
        if kind == FileType::RegularFile && self.is_unread(id) {
            let doing = || format!("read back `{path}` of {} bytes", stamp.size);
            self.bundle(id, &target, stamp.size).doing(doing)?;
        }
        Ok(())
    }

    /// Adds the entries of the folder `path`, which is `target` on disk, to the paths that are
    /// still to be read.
    fn enter(&mut self, path: &TreePath, target: &Path) -> Result<(), Failure> {
        let doing = || format!("read back `{path}`");
        let length = target.as_os_str().len();
        for name in listing::sorted(target).doing(doing)?.into_iter().rev() {
            if length + 1 + name.len() > LONGEST_PATH {
                let start = path.to_bytes();
                let start = String::from_utf8_lossy(&start[..start.len().min(100)]).into_owned();
                return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG)).doing(|| {
                    format!("read back `{start}…`, a path of more than {LONGEST_PATH} bytes, which no program can open,")
                });
            }
            let name = Name::new(name.as_bytes())
                .map_err(io::Error::other)
                .doing(doing)?;
            self.left.push(path.join(&name));
        }
        Ok(())
    }

    /// Copies the content of node `id`, which has `len` bytes at `target`, into the bundle.
    fn bundle(&mut self, id: NodeId, target: &Path, len: u64) -> io::Result<()> {
        let file = fs_err::File::open(target)?;
        let runs = sparse::copy(&file, len, &mut self.contents)?.into_iter();
        let pieces = runs.map(|run| match run {
            Run::Hole(len) => Piece::Hole(len),
            Run::Data(len) => {
                let (object, offset) = (BUNDLE, self.len);
                self.len += len;
                Piece::Stored(Slice {
                    object,
                    offset,
                    len,
                })
            }
        });
        self.bundled.push((id, pieces.collect()));
        Ok(())
    }

    /// The node that this file had when it was written, and whether the file is untouched. A
    /// directory is recognized by its path. A file may have been renamed, so it is recognized by
    /// its inode, unless another file has got that inode.
    fn before(
        &self,
        path: &TreePath,
        inode: Inode,
        stamp: Stamp,
        kind: FileType,
    ) -> Option<(&Node, bool)> {
        let before = self.scan.before;
        if kind == FileType::Directory {
            let node = before.node(before.at(path)?);
            return node.is_directory().then_some((node, false));
        }
        let (id, was) = self.scan.written.nodes.get(&inode)?;
        let same_kind = FileType::from_raw_mode(was.mode) == kind;
        let same_file = was.born == stamp.born && was.modified == stamp.modified;
        let same = same_kind && same_file && was.size == stamp.size;
        same.then_some((before.node(*id), *was == stamp))
    }

    fn meta(&self, inode: Inode, stamp: Stamp, before: Option<&Node>, kind: FileType) -> Meta {
        let owner = self.scan.owners.of(inode);
        let epoch = Timestamp::from(self.scan.epoch);
        let (seconds, nanoseconds) = stamp.modified;
        let own = Timestamp {
            seconds,
            nanoseconds,
        };
        // The files of a base may be younger than the archives that are used with it.
        let kept = before.is_some_and(|node| node.meta.mtime == own);
        let of_this_run = !kept && (own > epoch || own.seconds >= self.scan.started);
        let mode = match kind {
            FileType::Symlink => before.map_or(0o777, |node| node.meta.mode),
            _ => u16::try_from(stamp.mode & 0o7777).expect("12 bits"),
        };
        Meta {
            mode,
            uid: owner.uid,
            gid: owner.gid,
            mtime: if of_this_run { epoch } else { own },
        }
    }

    /// The node of a file that was touched. The caller reads its content.
    fn changed(
        &self,
        target: &Path,
        meta: Meta,
        before: Option<&Node>,
        kind: FileType,
    ) -> io::Result<Node> {
        let kind = match kind {
            FileType::Directory => Kind::Directory(BTreeMap::new()),
            FileType::Symlink => {
                let to = rustix::fs::readlinkat(CWD, target, Vec::new())?;
                Kind::Symlink(to.as_bytes().into())
            }
            FileType::Fifo => Kind::Fifo,
            FileType::RegularFile => match before {
                Some(Node {
                    kind: Kind::File(content),
                    ..
                }) if self.holds(target, content)? => Kind::File(content.clone()),
                _ => Kind::File(UNREAD.clone()),
            },
            // In a user namespace one device can be made, the whiteout of overlayfs (mknod(2)).
            FileType::CharacterDevice => {
                let device = rustix::fs::lstat(target)?.st_rdev;
                let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
                Kind::CharDevice { major, minor }
            }
            _ => Kind::Socket,
        };
        let mut node = Node::new(kind, meta, Origin::Script);
        node.xattrs = xattrs(target)?;
        let Some(before) = before else {
            return Ok(node);
        };
        for (name, value) in &before.xattrs {
            if !is_ours(name) {
                node.xattrs.insert(name.clone(), value.clone());
            }
        }
        let same_meta = Meta {
            mtime: before.meta.mtime,
            ..node.meta
        } == before.meta;
        let same_kind = node.is_directory() || node.kind == before.kind;
        if same_meta && same_kind && node.xattrs == before.xattrs {
            node.origin = before.origin.clone();
        }
        Ok(node)
    }

    /// Whether `target`, whose length is the same as before, still has its old content.
    fn holds(&self, target: &Path, content: &Content) -> io::Result<bool> {
        sparse::equal(&fs_err::File::open(target)?, content, self.scan.objects)
    }

    fn is_unread(&self, id: NodeId) -> bool {
        self.after.node(id).kind == Kind::File(UNREAD.clone())
    }
}

/// The content of `pieces`, in which slices of object `from` become slices of object `to`.
pub(super) fn moved(mut pieces: Vec<Piece>, from: &Sha256, to: Sha256) -> Content {
    for piece in &mut pieces {
        if let Piece::Stored(slice) = piece
            && slice.object == *from
        {
            slice.object = to;
        }
    }
    Content::from_pieces(pieces)
}

/// The digest that stands for the bundle until its own is known.
const BUNDLE: Sha256 = Sha256([0; 32]);

/// PATH_MAX without its NUL.
const LONGEST_PATH: usize = 4095;

/// A placeholder for content that the bundle will hold. No slice of an object is equal to it.
static UNREAD: Content = Content::Stored(Slice {
    object: BUNDLE,
    offset: u64::MAX,
    len: 0,
});

/// Whether a script in a sandbox can set this extended attribute.
fn is_ours(name: &[u8]) -> bool {
    name == b"security.capability" || name.starts_with(b"user.")
}

fn xattrs(target: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    use rustix::io::Errno;
    let mut found = BTreeMap::new();
    // The sizes are the kernel's own limits (xattr(7)).
    let mut names = vec![0; 65_536];
    let len = match rustix::fs::llistxattr(target, names.as_mut_slice()) {
        Ok(len) => len,
        Err(Errno::OPNOTSUPP) => return Ok(found),
        Err(error) => return Err(error.into()),
    };
    let names = names[..len].split(|byte| *byte == 0);
    for name in names.filter(|name| is_ours(name)) {
        let mut value = vec![0; 65_536];
        let len = rustix::fs::lgetxattr(target, name, value.as_mut_slice())?;
        value.truncate(len);
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::materialize::materialize;
    use super::*;
    use crate::tree::generated::NoObjects;
    use crate::tree::{dump, generated};

    /// The tree that is read back after `tree` was written to disk and no script ran.
    fn read_back(tree: &Tree) -> Tree {
        let folder = tempfile::tempdir().unwrap();
        let mut owners = Owners::default();
        let written = materialize(tree, folder.path(), &NoObjects, &mut owners).unwrap();
        let scan = Scan {
            before: tree,
            written: &written,
            owners: &owners,
            objects: &NoObjects,
            hidden: &BTreeSet::new(),
            started: i64::MAX,
            epoch: Epoch(1_700_000_000),
        };
        scan.read(folder.path(), io::sink()).unwrap().0
    }

    proptest::proptest! {
        #[test]
        fn a_tree_that_no_script_changes_is_read_back_as_it_was(tree in generated::tree()) {
            proptest::prop_assert_eq!(dump(&read_back(&tree)), dump(&tree));
        }
    }
}
