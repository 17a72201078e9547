//! Describes a whole tree, in memory or on the disk, in lines that can be compared.

use imgbuild::epoch::Timestamp;
use imgbuild::listing;
use imgbuild::store::Store;
use imgbuild::tree::{Kind, Meta, Tree};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One line for each path: type, mode, time, content, and the first of its names.
pub(super) type Snapshot = BTreeMap<Vec<u8>, String>;

/// The time of a file. It is left out for dpkg's database, which has the time at which it was
/// written, and for directories, which have that of their last change.
fn time(path: &[u8], is_directory: bool, seconds: i64) -> Option<i64> {
    let dated = !path.starts_with(b"/var/lib/dpkg/") && !is_directory;
    dated.then_some(seconds)
}

pub(super) fn our_snapshot(tree: &Tree, store: &Store) -> Snapshot {
    let mut first = BTreeMap::new();
    let mut snapshot = Snapshot::new();
    for (path, id) in tree.walk().into_iter().skip(1) {
        let node = tree.node(id);
        let Meta {
            mode,
            mtime: Timestamp { seconds, .. },
            ..
        } = node.meta;
        let path = path.to_bytes();
        let content = match &node.kind {
            Kind::Directory(_) => "directory".to_owned(),
            Kind::File(content) => format!("file {}", content.read(store).unwrap().escape_ascii()),
            Kind::Symlink(target) => format!("symlink {}", target.escape_ascii()),
            Kind::Fifo => "fifo".to_owned(),
            other => panic!("unexpected {other:?}"),
        };
        let date = time(&path, node.is_directory(), seconds);
        let name = first
            .entry(id)
            .or_insert_with(|| path.clone())
            .escape_ascii()
            .to_string();
        snapshot.insert(path, format!("{mode:o} {date:?} {content} = {name}"));
    }
    snapshot
}

pub(super) fn dpkgs_snapshot(root: &Path) -> Snapshot {
    let mut first = BTreeMap::new();
    let mut snapshot = Snapshot::new();
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for name in listing::sorted(&folder).unwrap() {
            let path = folder.join(name);
            if fs_err::symlink_metadata(&path).unwrap().is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort_by(|a, b| a.components().cmp(b.components()));
    for host in found {
        let path = [
            b"/",
            host.strip_prefix(root).unwrap().as_os_str().as_bytes(),
        ]
        .concat();
        let meta = fs_err::symlink_metadata(&host).unwrap();
        let content = match () {
            () if meta.is_dir() => "directory".to_owned(),
            () if meta.is_file() => format!("file {}", fs_err::read(&host).unwrap().escape_ascii()),
            () if meta.is_symlink() => {
                let target = fs_err::read_link(&host).unwrap();
                format!("symlink {}", target.as_os_str().as_bytes().escape_ascii())
            }
            () => "fifo".to_owned(),
        };
        let date = time(&path, meta.is_dir(), meta.mtime());
        let name = first
            .entry(meta.ino())
            .or_insert_with(|| path.clone())
            .escape_ascii()
            .to_string();
        let mode = meta.mode() & 0o7777;
        snapshot.insert(path, format!("{mode:o} {date:?} {content} = {name}"));
    }
    snapshot.remove(b"/var/lib/dpkg/status-old".as_slice());
    snapshot
}

pub(super) fn assert_same(ours: &Snapshot, theirs: &Snapshot) {
    let paths: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differing = paths
        .into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path));
    let shown: Vec<String> = differing
        .map(|path| {
            let (ours, theirs) = (ours.get(path), theirs.get(path));
            format!(
                "{}\n  imgbuild {ours:?}\n  dpkg     {theirs:?}",
                path.escape_ascii()
            )
        })
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}
