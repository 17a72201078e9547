//! The tree that programs see while they check their configuration: the finished tree without large files.

use crate::boot::contents::builtin_file;
use crate::epoch::Epoch;
use crate::tree::{Kind, NodeId, Tree, TreePath};

/// The folders whose files are empty for the programs. They hold no configuration, and copying them would take longer
/// than all checks.
const UNREAD: [&[u8]; 6] = [
    b"/boot/",
    b"/usr/lib/firmware/",
    b"/usr/lib/modules/",
    b"/usr/share/doc/",
    b"/usr/share/locale/",
    b"/usr/share/man/",
];
/// The longest file in these folders that is kept, because it may be the configuration of a boot loader.
const SHORT: u64 = 4096;
/// The beginning of the names of the lists that modprobe reads. They are longer, and are kept.
const LISTS: &[u8] = b"/modules.";
/// The regulatory database, by which the channel of an access point is checked. It is kept.
const RADIO: &[u8] = b"/usr/lib/firmware/regulatory.db";
/// The most hard links of one empty file. ext4 allows 65,000.
const NAMES: usize = 10_000;

/// The machine id of no device, for programs that derive other ids from it.
const MACHINE_ID: &[u8] = b"00000000000000000000000000000042\n";

/// `root` without the content of files that no program reads, and with a machine id.
pub(super) fn view(root: &Tree, epoch: Epoch) -> Tree {
    let mut view = root.clone();
    let file = |bytes: &[u8], mode| builtin_file(bytes, mode, epoch.into());
    let mut empty: Option<(NodeId, usize)> = None;
    for (path, id) in root.walk() {
        let Kind::File(content) = &root.node(id).kind else {
            continue;
        };
        if content.len() <= SHORT || !is_unread(&path.to_bytes()) {
            continue;
        }
        let linked = match empty {
            Some((id, names)) if names < NAMES => {
                empty = Some((id, names + 1));
                view.remove(&path).and_then(|_| view.link(&path, id))
            }
            _ => view
                .insert(&path, file(b"", 0o644))
                .map(|id| empty = Some((id, 1))),
        };
        debug_assert!(linked.is_ok(), "the path is one of the tree");
    }
    // In a tree without /etc, no program reads the id.
    let _ = view.insert(
        &TreePath::constant("/etc/machine-id"),
        file(MACHINE_ID, 0o444),
    );
    view
}

fn is_unread(path: &[u8]) -> bool {
    let list = path.windows(LISTS.len()).any(|part| part == LISTS);
    !list && !path.starts_with(RADIO) && UNREAD.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::contents::{path, put};
    use crate::epoch::Timestamp;
    use crate::tree::Meta;

    #[test]
    fn modules_and_manuals_are_empty_and_everything_else_is_whole() {
        let mut root = Tree::new(Meta::root(0o755, Timestamp::default()));
        let long = vec![b'x'; 5000];
        for at in [
            "/usr/lib/modules/6/kernel/a.ko",
            "/usr/lib/modules/6/modules.dep",
            "/usr/lib/modules-load.d/a.conf",
            "/usr/lib/firmware/radio.bin",
            "/usr/lib/firmware/regulatory.db",
            "/boot/vmlinuz",
            "/etc/a",
        ] {
            let file = builtin_file(&long, 0o755, Timestamp::default());
            put(&mut root, &path(at), file).unwrap();
        }
        let view = view(&root, Epoch(0));
        let files = view.walk().into_iter();
        let shown: Vec<(String, u64)> = files
            .filter_map(|(path, id)| match &view.node(id).kind {
                Kind::File(content) => Some((path.to_string(), content.len())),
                _ => None,
            })
            .collect();
        let expected = [
            ("/boot/vmlinuz", 0),
            ("/etc/a", 5000),
            ("/etc/machine-id", 33),
            ("/usr/lib/firmware/radio.bin", 0),
            ("/usr/lib/firmware/regulatory.db", 5000),
            ("/usr/lib/modules/6/kernel/a.ko", 0),
            ("/usr/lib/modules/6/modules.dep", 5000),
            ("/usr/lib/modules-load.d/a.conf", 5000),
        ];
        assert_eq!(shown, expected.map(|(path, len)| (path.to_owned(), len)));
    }
}
