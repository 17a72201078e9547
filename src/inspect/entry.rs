//! A node of an image as `ls -l` and `stat` show it.

use super::files::Files;
use super::image::Image;
use super::origins::Origins;
use super::owners::owners;
use super::place::Found;
use crate::diag::visible_name;
use crate::epoch::{Timestamp, moment};
use crate::inventory::FileOrigin;
use crate::tree::{Kind, Name, NodeId, Tree, TreePath};
use serde::Serialize;
use std::collections::BTreeMap;

/// A node and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name, in which bytes that cannot be shown are written out.
    pub name: String,
    /// `file`, `directory`, `symlink`, `block-device`, `character-device`, `fifo` or `socket`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The permissions in octal digits.
    pub mode: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Bytes of a file.
    pub size: Option<u64>,
    /// The time of modification in UTC; beyond the year 9999, the seconds since 1970.
    pub mtime: String,
    /// The target of a symlink.
    pub target: Option<String>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// The package that brought it, by dpkg's lists; a directory may belong to several, and has none here.
    pub package: Option<String>,
    /// Who wrote it, if a manifest of the image is known; a directory has none.
    pub origin: Option<FileOrigin>,
    /// The names of the extended attributes.
    pub xattrs: Vec<String>,
}

impl Found<'_> {
    /// The node itself, with its origin by `origins`.
    pub fn entry(&self, image: &Image, origins: Option<&Origins>) -> Entry {
        let owners = owners(&Files::new(&self.tree, image));
        let name = self.path.components().next_back();
        let name = name.map_or_else(|| "/".to_owned(), |name| visible_name(name.as_bytes()));
        let entry = Entry::of(&self.tree, self.id, name, &owners);
        entry.with_origin(origins, self.partition, &self.path)
    }

    /// The entries of a directory in byte order of their names, with their origins by `origins`; `None` if it is
    /// something else.
    pub fn entries(&self, image: &Image, origins: Option<&Origins>) -> Option<Vec<Entry>> {
        if !self.is_directory() {
            return None;
        }
        let owners = owners(&Files::new(&self.tree, image));
        let entries = self.tree.entries(self.id);
        let entry = |(name, id): (&Name, NodeId)| {
            let entry = Entry::of(&self.tree, id, visible_name(name.as_bytes()), &owners);
            entry.with_origin(origins, self.partition, &self.path.join(name))
        };
        Some(entries.map(entry).collect())
    }
}

impl Entry {
    fn of(tree: &Tree, id: NodeId, name: String, owners: &BTreeMap<NodeId, String>) -> Self {
        let node = tree.node(id);
        let size = match &node.kind {
            Kind::File(content) => Some(content.len()),
            _ => None,
        };
        let target = match &node.kind {
            Kind::Symlink(target) => Some(visible_name(target)),
            _ => None,
        };
        let device = match node.kind {
            Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
                Some((major, minor))
            }
            _ => None,
        };
        Self {
            name,
            kind: kind(&node.kind),
            mode: format!("{:04o}", node.meta.mode),
            uid: node.meta.uid,
            gid: node.meta.gid,
            size,
            mtime: time(node.meta.mtime),
            target,
            device,
            package: owners.get(&id).filter(|_| !node.is_directory()).cloned(),
            origin: None,
            xattrs: node.xattrs.keys().map(|name| visible_name(name)).collect(),
        }
    }

    /// The entry with the origin of the node at `path` in `partition`, or in the root filesystem.
    fn with_origin(
        mut self,
        origins: Option<&Origins>,
        partition: Option<u32>,
        path: &TreePath,
    ) -> Self {
        let origins = origins.filter(|_| self.kind != "directory");
        let package = self.package.as_deref();
        self.origin = origins.and_then(|it| it.of(partition, path, package));
        self
    }
}

/// The name of a type.
pub(crate) fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory(_) => "directory",
        Kind::File(_) => "file",
        Kind::Symlink(_) => "symlink",
        Kind::BlockDevice { .. } => "block-device",
        Kind::CharDevice { .. } => "character-device",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
    }
}

/// The time in UTC; beyond the year 9999, the seconds since 1970.
pub(crate) fn time(time: Timestamp) -> String {
    match moment(time.seconds) {
        Some(moment) => format!("{moment}Z"),
        None => time.seconds.to_string(),
    }
}

/// The lines of `ls -l` for `entries`.
pub fn to_text(entries: &[Entry]) -> String {
    let width = |cell: fn(&Entry) -> String| {
        let widths = entries.iter().map(|entry| cell(entry).len());
        widths.max().unwrap_or(0)
    };
    let owner = |entry: &Entry| format!("{}:{}", entry.uid, entry.gid);
    let size = |entry: &Entry| match (entry.size, entry.device) {
        (Some(size), _) => size.to_string(),
        (None, Some((major, minor))) => format!("{major},{minor}"),
        (None, None) => String::new(),
    };
    let (owners, sizes) = (width(owner), width(size));
    let line = |entry: &Entry| {
        let target = entry.target.as_ref().map(|it| format!(" -> {it}"));
        // The name of a package or overlay cannot end the line, and so pretend to be another one.
        let origin = entry.origin.as_ref().map(FileOrigin::to_string);
        let origin = origin.map(|it| format!("  [{}]", visible_name(it.as_bytes())));
        format!(
            "{} {:<owners$} {:>sizes$} {} {}{}{}\n",
            permissions(entry),
            owner(entry),
            size(entry),
            entry.mtime,
            entry.name,
            target.unwrap_or_default(),
            origin.unwrap_or_default(),
        )
    };
    entries.iter().map(line).collect()
}

/// The first column of `ls -l`.
fn permissions(entry: &Entry) -> String {
    let mode = u16::from_str_radix(&entry.mode, 8).unwrap_or(0);
    let letter = match entry.kind {
        "directory" => 'd',
        "symlink" => 'l',
        "block-device" => 'b',
        "character-device" => 'c',
        "fifo" => 'p',
        "socket" => 's',
        _ => '-',
    };
    let mut text = String::from(letter);
    for (shift, special, letters) in [
        (6, 0o4000, ['s', 'S']),
        (3, 0o2000, ['s', 'S']),
        (0, 0o1000, ['t', 'T']),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letters[0],
            (true, false) => letters[1],
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
