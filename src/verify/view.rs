//! A finished tree as its programs see it while they check their configuration.

use crate::epoch::Epoch;
use crate::tree::{Content, Kind, Meta, Node, NodeId, Origin, Tree, TreePath};

/// Below these, files have their names and nothing in them: nobody's configuration is there, and copying them
/// would take longer than everything that is checked.
const UNREAD: [&[u8]; 6] = [
    b"/boot/",
    b"/usr/lib/firmware/",
    b"/usr/lib/modules/",
    b"/usr/share/doc/",
    b"/usr/share/locale/",
    b"/usr/share/man/",
];
/// There, what is shorter than this is whole: settings of a boot loader, for one.
const SHORT: u64 = 4096;
/// The lists of modprobe are long.
const LISTS: &[u8] = b"/modules.";
/// The rules of radio, by which the channel of an access point is checked.
const RADIO: &[u8] = b"/usr/lib/firmware/regulatory.db";
/// How many names one empty file has at most; ext4 allows 65,000.
const NAMES: usize = 10_000;

/// The machine id of no device, for programs that derive other ids from it.
const MACHINE_ID: &[u8] = b"00000000000000000000000000000042\n";

/// `root` without what no program asks about, and with an id of its own.
pub(super) fn view(root: &Tree, epoch: Epoch) -> Tree {
    let mut view = root.clone();
    let file = |bytes: &[u8], mode| {
        let kind = Kind::File(Content::inline(bytes));
        Node::new(kind, Meta::root(mode, epoch.into()), Origin::Builtin)
    };
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
    let path = TreePath::parse(b"/etc/machine-id").expect("a plain path");
    // A tree without /etc has nobody who asks.
    let _ = view.insert(&path, file(MACHINE_ID, 0o444));
    view
}

fn is_unread(path: &[u8]) -> bool {
    let list = path.windows(LISTS.len()).any(|part| part == LISTS);
    !list && !path.starts_with(RADIO) && UNREAD.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;

    #[test]
    fn modules_and_manuals_are_empty_and_everything_else_is_whole() {
        let meta = Meta::root(0o755, Timestamp::default());
        let mut root = Tree::new(meta);
        let long = vec![b'x'; 5000];
        for path in [
            "/usr/lib/modules/6/kernel/a.ko",
            "/usr/lib/modules/6/modules.dep",
            "/usr/lib/modules-load.d/a.conf",
            "/usr/lib/firmware/radio.bin",
            "/usr/lib/firmware/regulatory.db",
            "/boot/vmlinuz",
            "/etc/a",
        ] {
            let path = TreePath::parse(path.as_bytes()).unwrap();
            let (parent, _) = path.split_last().unwrap();
            root.make_directories(&parent, meta, &Origin::Builtin)
                .unwrap();
            let kind = Kind::File(Content::inline(&long));
            root.insert(&path, Node::new(kind, meta, Origin::Builtin))
                .unwrap();
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
