//! The files that dpkg has unpacked in the sandbox.
//!
//! On a base image, the base's own dpkg unpacks packages, and the sandbox cannot tell what it writes from what a
//! maintainer script writes. dpkg's database can: it has the sums of the files that it unpacked.

use crate::dpkg::database::{Database, FOLDER, Package};
use crate::tree::{Content, Kind, Node, NodeId, Objects, Origin, Tree, TreePath};
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::io;

/// The number of bytes that are read and hashed at once.
const CHUNK: u64 = 16 << 20;

/// The nodes of `tree` that look like the work of a script and are as dpkg unpacked them, each with its package. A
/// tree whose database is damaged has none: dpkg would have unpacked nothing there.
pub(super) fn unpacked(tree: &Tree, objects: &dyn Objects) -> io::Result<BTreeMap<NodeId, String>> {
    let mut found = BTreeMap::new();
    let Ok(database) = Database::read(tree, objects) else {
        return Ok(found);
    };
    for package in database.packages.values() {
        let name = package.record.name();
        let node = |path: &[u8]| {
            let place = TreePath::parse(database.diversions.target(path, name)).ok()?;
            let id = tree.at(&place)?;
            (tree.node(id).origin == Origin::Script).then_some(id)
        };
        let listed = package.list.iter();
        let listed: Vec<_> = listed
            .filter_map(|path| Some((path, node(path)?)))
            .collect();
        if listed.is_empty() {
            continue;
        }
        let sums = sums(package, tree, objects)?;
        for (path, id) in listed {
            if is_unchanged(tree.node(id), sums.get(path), objects)? {
                found.insert(id, name.to_owned());
            }
        }
    }
    Ok(found)
}

/// Whether `node`, which a package brought, is as it was. dpkg has the `sum` of a file; without one, and of anything
/// else, the list alone has to be believed.
fn is_unchanged(node: &Node, sum: Option<&String>, objects: &dyn Objects) -> io::Result<bool> {
    match (&node.kind, sum) {
        (Kind::Directory(_), _) => Ok(false),
        (Kind::File(content), Some(sum)) => Ok(md5(content, objects)? == *sum),
        _ => Ok(true),
    }
}

/// The MD5 sums of the files of `package`, by path.
fn sums(
    package: &Package,
    tree: &Tree,
    objects: &dyn Objects,
) -> io::Result<BTreeMap<Vec<u8>, String>> {
    let record = &package.record;
    let path = format!("{FOLDER}/info/{}.md5sums", record.info_name());
    let path = TreePath::parse(path.as_bytes()).ok();
    let content = path.and_then(|path| tree.file(&path));
    let text = content.map(|content| content.read(objects)).transpose()?;
    let mut sums = BTreeMap::new();
    for line in text
        .as_deref()
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
    {
        // The digits, two spaces, and the path without its first slash.
        let Some((sum, [b' ', b' ', path @ ..])) = line.split_at_checked(32) else {
            continue;
        };
        let sum = String::from_utf8_lossy(sum).into_owned();
        sums.insert([b"/", path].concat(), sum);
    }
    for conffile in &record.conffiles {
        if conffile.hash.len() == 32 {
            sums.insert(conffile.path.clone(), conffile.hash.clone());
        }
    }
    Ok(sums)
}

fn md5(content: &Content, objects: &dyn Objects) -> io::Result<String> {
    let (mut hasher, mut at) = (Md5::new(), 0);
    while at < content.len() {
        let len = CHUNK.min(content.len() - at);
        hasher.update(&*content.range(at, len).read(objects)?);
        at += len;
    }
    Ok(hex::encode(hasher.finalize()))
}
