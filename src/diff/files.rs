//! The files that differ between two trees: content, type, mode, owner, group, time of modification, target, device
//! numbers, extended attributes and hard links.

use super::change::{ChangeKind, Field};
use super::content;
use crate::diag::visible_name;
use crate::epoch::Timestamp;
use crate::inspect::{Files, kind, owners, time};
use crate::tree::{Kind, Name, Node, NodeId, Objects, Tree, TreePath};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The bytes of an extended attribute that are shown.
const MAX_XATTR: usize = 32;
/// The bytes of paths and of what differs that are kept, which are enough for a million files.
const MAX_TEXT: usize = 512 << 20;
/// The bytes that a difference takes apart from its path.
const SIZE: usize = 400;

/// A file, directory or other node that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileChange {
    /// Its path, in which bytes that cannot be shown are written out; `1:/config.txt` in a filesystem that no system
    /// mounts.
    pub path: String,
    /// How it differs.
    pub change: ChangeKind,
    /// Its type, in the second if both have it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The package that brought it, by dpkg's lists.
    pub package: Option<String>,
    /// The fields that differ, if both have it. The lengths of a content that differs may be equal.
    pub fields: Vec<Field>,
}

impl FileChange {
    /// Whether nothing but the time of modification differs.
    pub(super) fn is_time_only(&self) -> bool {
        self.fields.iter().all(|field| field.name == "mtime") && self.change == ChangeKind::Changed
    }
}

/// A tree with the place where its content is.
pub(super) struct Root<'a> {
    tree: &'a Tree,
    objects: &'a dyn Objects,
    owners: BTreeMap<NodeId, String>,
    /// The number of names of each node.
    names: BTreeMap<NodeId, u32>,
}

impl<'a> Root<'a> {
    /// The files of `tree`, whose content is in `objects`.
    pub(super) fn new(tree: &'a Tree, objects: &'a dyn Objects) -> Self {
        Self {
            tree,
            objects,
            owners: owners(&Files::new(tree, objects)),
            names: tree.link_counts(),
        }
    }
}

/// The files that differ.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, by path.
    pub(super) files: Vec<FileChange>,
    /// The number of further files that differ, beyond what is kept.
    pub(super) n_more: u64,
    /// The files whose content cannot be read, and why.
    pub(super) faults: Vec<String>,
}

/// The files that differ between two trees, of which one may be missing. Paths begin with `prefix`.
pub(super) fn compare(prefix: &str, before: Option<&Root<'_>>, after: Option<&Root<'_>>) -> Found {
    let mut comparison = Comparison {
        prefix,
        before,
        after,
        found: Found::default(),
        room: MAX_TEXT,
        path: TreePath::root(),
        n_paths: 0,
        first: [BTreeMap::new(), BTreeMap::new()],
    };
    comparison.node(
        before.map(|it| it.tree.root()),
        after.map(|it| it.tree.root()),
    );
    comparison.found
}

struct Comparison<'c> {
    prefix: &'c str,
    before: Option<&'c Root<'c>>,
    after: Option<&'c Root<'c>>,
    found: Found,
    /// The bytes of text that may still be kept.
    room: usize,
    /// The path of the nodes that are compared.
    path: TreePath,
    /// The number of paths so far.
    n_paths: u64,
    /// The number of the first path of each node that has several, in each tree.
    first: [BTreeMap<NodeId, u64>; 2],
}

impl Comparison<'_> {
    /// Compares two nodes at the same path, of which one may be missing, and what is below them.
    fn node(&mut self, one: Option<NodeId>, other: Option<NodeId>) {
        self.n_paths += 1;
        let links = self.links(one, other);
        match (self.before.zip(one), self.after.zip(other)) {
            (Some((root, one)), Some((newer, other))) => {
                let mut fields = self.fields((root, one), (newer, other));
                fields.extend(links);
                if !fields.is_empty() {
                    self.add((newer, other), ChangeKind::Changed, fields);
                }
            }
            (Some(removed), None) => self.add(removed, ChangeKind::Removed, Vec::new()),
            (None, Some(added)) => self.add(added, ChangeKind::Added, Vec::new()),
            (None, None) => {}
        }
        for (name, (one, other)) in self.entries(one, other) {
            self.path.push(&name);
            self.node(one, other);
            self.path.pop();
        }
    }

    /// The entries of two directories by name.
    fn entries(&self, one: Option<NodeId>, other: Option<NodeId>) -> Entries {
        let mut entries = Entries::new();
        for (name, id) in self
            .before
            .zip(one)
            .into_iter()
            .flat_map(|(it, id)| it.tree.entries(id))
        {
            entries.entry(name.clone()).or_default().0 = Some(id);
        }
        for (name, id) in self
            .after
            .zip(other)
            .into_iter()
            .flat_map(|(it, id)| it.tree.entries(id))
        {
            entries.entry(name.clone()).or_default().1 = Some(id);
        }
        entries
    }

    /// The numbers of names of two nodes, if their first names are not the same.
    fn links(&mut self, one: Option<NodeId>, other: Option<NodeId>) -> Option<Field> {
        let mut link = |index: usize, root: Option<&Root<'_>>, id: Option<NodeId>| {
            let id = id?;
            let count = root?.names.get(&id).copied().unwrap_or(1);
            let first = match count {
                1 => self.n_paths,
                _ => *self.first[index].entry(id).or_insert(self.n_paths),
            };
            Some((count, first))
        };
        let (one, other) = (link(0, self.before, one)?, link(1, self.after, other)?);
        (one.1 != other.1).then(|| Field {
            name: "link".to_owned(),
            before: one.0.into(),
            after: other.0.into(),
        })
    }

    fn add(&mut self, (root, id): Located<'_>, change: ChangeKind, fields: Vec<Field>) {
        let path = self.path.to_bytes();
        let path = format!("{}{}", self.prefix, visible_name(&path));
        let Some(room) = self.room.checked_sub(path.len() + SIZE) else {
            self.found.n_more += 1;
            return;
        };
        self.room = room;
        let node = root.tree.node(id);
        let owner = root.owners.get(&id).filter(|_| !node.is_directory());
        self.found.files.push(FileChange {
            path,
            change,
            kind: kind(&node.kind),
            package: owner.cloned(),
            fields,
        });
    }

    /// The fields that differ between two nodes.
    fn fields(&mut self, (root, one): Located<'_>, (newer_root, other): Located<'_>) -> Vec<Field> {
        let (node, newer) = (root.tree.node(one), newer_root.tree.node(other));
        let content = content((root, node), (newer_root, newer)).unwrap_or_else(|error| {
            self.found
                .faults
                .push(format!("cannot read `{}`: {error}", self.path));
            None
        });
        let (meta, newer_meta) = (node.meta, newer.meta);
        let mode = |mode: u16| format!("{mode:04o}");
        let mut found = vec![
            Field::of("type", kind(&node.kind), kind(&newer.kind)),
            content,
            Field::of("target", target(node), target(newer)),
            Field::of("device", device(node), device(newer)),
            Field::of("mode", mode(meta.mode), mode(newer_meta.mode)),
            Field::of("uid", meta.uid, newer_meta.uid),
            Field::of("gid", meta.gid, newer_meta.gid),
        ];
        let names: BTreeSet<&Vec<u8>> = node.xattrs.keys().chain(newer.xattrs.keys()).collect();
        found.extend(names.into_iter().map(|name| {
            let (one, other) = (node.xattrs.get(name), newer.xattrs.get(name));
            (one != other).then(|| Field {
                name: format!("xattr {}", visible_name(name)),
                before: xattr(one),
                after: xattr(other),
            })
        }));
        if meta.mtime != newer_meta.mtime {
            let [one, other] = [meta.mtime, newer_meta.mtime].map(exact_time);
            found.push(Field::of("mtime", one, other));
        }
        found.into_iter().flatten().collect()
    }
}

/// A node in its tree.
type Located<'r> = (&'r Root<'r>, NodeId);

/// The entries of two directories by name.
type Entries = BTreeMap<Name, (Option<NodeId>, Option<NodeId>)>;

/// The lengths of two files, if their content differs.
fn content(
    (before, node): (&Root<'_>, &Node),
    (after, newer): (&Root<'_>, &Node),
) -> io::Result<Option<Field>> {
    let (Kind::File(one), Kind::File(other)) = (&node.kind, &newer.kind) else {
        return Ok(None);
    };
    let (len, newer_len) = (one.len(), other.len());
    if len == newer_len && content::is_equal((one, before.objects), (other, after.objects))? {
        return Ok(None);
    }
    Ok(Some(Field {
        name: "content".to_owned(),
        before: len.into(),
        after: newer_len.into(),
    }))
}

fn target(node: &Node) -> Value {
    match &node.kind {
        Kind::Symlink(target) => visible_name(target).into(),
        _ => Value::Null,
    }
}

fn device(node: &Node) -> Value {
    match node.kind {
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
            format!("{major}:{minor}").into()
        }
        _ => Value::Null,
    }
}

/// The first bytes of an extended attribute in hexadecimal digits.
fn xattr(value: Option<&Vec<u8>>) -> Value {
    value.map_or(Value::Null, |value| match value.get(..MAX_XATTR) {
        Some(head) if value.len() > MAX_XATTR => {
            format!("{}… ({} bytes)", hex::encode(head), value.len()).into()
        }
        _ => hex::encode(value).into(),
    })
}

fn exact_time(moment: Timestamp) -> String {
    let text = time(moment);
    match moment.nanoseconds {
        0 => text,
        nanoseconds => format!("{text} and {nanoseconds} ns"),
    }
}
