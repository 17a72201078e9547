//! Trees of the size and kind that builds have: many small files, and the content of a real system.

use super::image::{Objects, params, seal_with_margin};
use super::kernel::xattrs;
use super::{Made, assert_manifest, check, directory, inline, kernel, made, put, put_with, reader};
use imgbuild::epoch::Timestamp;
use imgbuild::listing;
use imgbuild::tree::{Kind, Meta, Node, NodeId, Origin, Tree, TreePath};
use std::collections::{BTreeMap, VecDeque};
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Checks the filesystem with e2fsck, this program's reader and the kernel. debugfs would take
/// minutes.
fn check_large(tree: &Tree) {
    let image = seal_with_margin(tree, &params(0), 0);
    let Made { written, expected } = made(tree, &Objects::default(), &image);
    check(&written.path);
    assert_manifest(&reader::found(&written.path), &expected, "our reader");
    let found = kernel::manifests(&[&written.path]);
    assert_manifest(&found[0], &expected, "the kernel");
}

#[test]
fn small_files_120_000_of_them_are_found_again() {
    let mut tree = Tree::new(super::meta(0o755));
    for i in 0..120_000_u32 {
        if i % 150 == 0 {
            put(&mut tree, format!("/{}", i / 150).as_bytes(), directory());
        }
        let meta = Meta {
            uid: i % 3,
            ..super::meta(0o600 + (i % 64) as u16)
        };
        let bytes = i.to_string().repeat((i % 50) as usize);
        let path = format!("/{}/file-{i}", i / 150);
        put_with(&mut tree, path.as_bytes(), inline(bytes.as_bytes()), meta);
    }
    check_large(&tree);
}

/// `/etc` and `/usr` of the machine that runs the test, as far as its user may read them: folder by
/// folder from the top, with their owners, times, links, attributes and all but large files.
#[test]
fn a_real_root_filesystem_is_found_again() {
    let mut copy = Copy::new();
    for folder in ["/etc", "/usr"] {
        copy.add(Path::new(folder));
    }
    while copy.n_nodes < MOST_NODES
        && let Some(folder) = copy.ahead.pop_front()
    {
        // A folder that this user may not read stays empty.
        for name in listing::sorted(&folder).unwrap_or_default() {
            copy.add(&folder.join(name));
        }
    }
    assert!(copy.n_nodes > 1000, "{} nodes", copy.n_nodes);
    check_large(&copy.tree);
}

/// The most nodes: enough for every folder of a small system, and for seconds on a large one.
const MOST_NODES: usize = 10_000;
/// The longest file. A few longer ones, such as compilers and archives, would take most of the
/// time.
const LONGEST_FILE: u64 = 256 << 10;

/// A part of this machine's root filesystem as a tree.
struct Copy {
    tree: Tree,
    n_nodes: usize,
    /// The folders that are still to be read.
    ahead: VecDeque<PathBuf>,
    /// Files with several names, by device and inode.
    linked: BTreeMap<(u64, u64), NodeId>,
}

impl Copy {
    fn new() -> Self {
        let metadata = fs_err::symlink_metadata("/").unwrap();
        Self {
            tree: Tree::new(meta(&metadata)),
            n_nodes: 1,
            ahead: VecDeque::new(),
            linked: BTreeMap::new(),
        }
    }

    /// Adds the node at `path`, unless it cannot be read or is removed at this moment.
    fn add(&mut self, path: &Path) {
        let Ok(metadata) = fs_err::symlink_metadata(path) else {
            return;
        };
        let in_tree = TreePath::parse(path.as_os_str().as_bytes()).unwrap();
        let identity = (metadata.dev(), metadata.ino());
        if let Some(known) = self.linked.get(&identity) {
            self.tree.link(&in_tree, *known).unwrap();
            return;
        }
        let Some(kind) = kind(path, &metadata) else {
            return;
        };
        let is_directory = matches!(kind, Kind::Directory(_));
        let mut node = Node::new(kind, meta(&metadata), Origin::Builtin);
        node.xattrs = attributes(path);
        let id = self.tree.insert(&in_tree, node).unwrap();
        self.n_nodes += 1;
        if is_directory {
            self.ahead.push_back(path.to_owned());
        } else if metadata.nlink() > 1 {
            self.linked.insert(identity, id);
        }
    }
}

fn kind(path: &Path, metadata: &Metadata) -> Option<Kind> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        Some(directory())
    } else if file_type.is_symlink() {
        let target = fs_err::read_link(path).ok()?.into_os_string();
        Some(Kind::Symlink(target.into_vec().into()))
    } else if file_type.is_file() && metadata.len() <= LONGEST_FILE {
        Some(inline(&fs_err::read(path).ok()?))
    } else {
        None
    }
}

/// The extended attributes of `path` that ext4 has too.
fn attributes(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let kept = ["user.", "trusted.", "security.", "system.posix_acl_"];
    xattrs(path)
        .into_iter()
        .filter(|(name, _)| kept.iter().any(|prefix| name.starts_with(prefix)))
        .map(|(name, value)| (name.into_bytes(), value))
        .collect()
}

fn meta(metadata: &Metadata) -> Meta {
    Meta {
        mode: (metadata.mode() & 0o7777) as u16,
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: Timestamp {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec() as u32,
        },
    }
}
