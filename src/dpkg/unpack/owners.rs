//! Numeric owners of the files of packages.
//!
//! dpkg looks up the names of a tar archive in the target's `/etc/passwd` and `/etc/group`, and
//! takes the numbers of the archive for unknown names. A fresh tree has neither file yet:
//! base-passwd's preinst makes them from its `passwd.master` and `group.master`, so these decide
//! (Debian policy, 9.2.2: the ids 0 to 99 are the same on every system).

use crate::tree::{Objects, Tree, TreePath};
use std::collections::BTreeMap;
use std::io;

/// The files that may define the names; the first one that exists counts.
pub(super) const USERS: [&str; 2] = ["/etc/passwd", "/usr/share/base-passwd/passwd.master"];
pub(super) const GROUPS: [&str; 2] = ["/etc/group", "/usr/share/base-passwd/group.master"];

/// Ids by name.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) users: BTreeMap<Vec<u8>, u32>,
    pub(super) groups: BTreeMap<Vec<u8>, u32>,
}

impl Owners {
    /// Reads the files of `tree`.
    pub(super) fn read(tree: &Tree, objects: &dyn Objects) -> io::Result<Self> {
        Ok(Self {
            users: read_first(tree, objects, USERS)?,
            groups: read_first(tree, objects, GROUPS)?,
        })
    }

    /// Whether the tree defined any name.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    /// The id of user `name`, or `number` if the name is unknown.
    pub(super) fn user(&self, name: &[u8], number: u32) -> u32 {
        self.users.get(name).copied().unwrap_or(number)
    }

    /// The id of group `name`, or `number` if the name is unknown.
    pub(super) fn group(&self, name: &[u8], number: u32) -> u32 {
        self.groups.get(name).copied().unwrap_or(number)
    }
}

fn read_first(
    tree: &Tree,
    objects: &dyn Objects,
    files: [&str; 2],
) -> io::Result<BTreeMap<Vec<u8>, u32>> {
    let mut contents = files.iter();
    let content = contents.find_map(|file| tree.file(&TreePath::constant(file)));
    let bytes = content.map(|content| content.read(objects)).transpose()?;
    Ok(bytes.map(|bytes| ids(&bytes)).unwrap_or_default())
}

/// The ids in lines of the form `name:password:id:…`. Other lines (NIS marks, mistakes) are passed
/// over.
pub(super) fn ids(bytes: &[u8]) -> BTreeMap<Vec<u8>, u32> {
    let id = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_vec();
        let number = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        Some((name, number))
    };
    // The first line of a name counts, as for the C library.
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.into_iter().rev().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_name_counts() {
        let owners = Owners {
            users: ids(b"root:*:0:0:root:/root:/bin/bash\n+::::::\n"),
            groups: ids(b"shadow:*:42:\nshadow:*:43:\n\n"),
        };
        assert_eq!(owners.user(b"root", 7), 0);
        assert_eq!(owners.user(b"tor", 7), 7);
        assert_eq!(owners.group(b"shadow", 7), 42);
    }
}
