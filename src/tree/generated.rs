//! Generated trees for tests: nodes of every kind, some of them with several names at several depths.

use super::{Content, Kind, Meta, Name, Node, NodeId, Objects, Origin, Tree, TreePath};
use crate::digest::Sha256;
use crate::epoch::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;

/// A store without objects, for trees whose content is all inline.
pub(crate) struct NoObjects;

impl Objects for NoObjects {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// One name that is added to a tree. Numbers choose among what the tree has already.
#[derive(Clone, Debug)]
struct Step {
    parent: usize,
    name: u8,
    /// The number of a node that gets a further name; a new node is made where this is absent.
    linked: Option<usize>,
    node: Node,
}

fn step() -> impl Strategy<Value = Step> {
    let text = any::<u8>().prop_map(|byte| vec![byte; usize::from(byte)]);
    let kind = prop_oneof![
        3 => Just(Kind::Directory(BTreeMap::new())),
        3 => text.prop_map(|text| Kind::File(Content::inline(&text))),
        1 => (1..60_usize).prop_map(|len| Kind::Symlink(vec![b'x'; len].into())),
        1 => (0..256_u32).prop_map(|minor| Kind::CharDevice { major: 1, minor }),
        1 => (0..256_u32).prop_map(|minor| Kind::BlockDevice { major: 8, minor }),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
    ];
    let mode = prop_oneof![Just(0o755), Just(0o700), Just(0o1777), Just(0o4750)];
    let mtime = (0..1_600_000_000_i64, 0..1_000_000_000_u32);
    let origin = prop_oneof![Just(Origin::Base), Just(Origin::Package("p".into()))];
    let node = (kind, mode, 0..3_u32, 0..3_u32, mtime, origin).prop_map(
        |(kind, mode, uid, gid, (seconds, nanoseconds), origin)| {
            let mtime = Timestamp {
                seconds,
                nanoseconds,
            };
            let mode = match kind {
                Kind::Symlink(_) => 0o777,
                _ => mode,
            };
            let meta = Meta {
                mode,
                uid,
                gid,
                mtime,
            };
            Node::new(kind, meta, origin)
        },
    );
    let linked = proptest::option::weighted(0.4, any::<usize>());
    (any::<usize>(), b'a'..=b'h', linked, node).prop_map(|(parent, name, linked, node)| Step {
        parent,
        name,
        linked,
        node,
    })
}

/// Trees of up to 40 names.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    (vec(step(), 0..40), step()).prop_map(|(steps, root)| {
        let mut tree = Tree::new(root.node.meta);
        let mut directories = vec![TreePath::root()];
        let mut others: Vec<NodeId> = Vec::new();
        for step in steps {
            let name = Name::new(&[step.name]).expect("a letter is a name");
            let path = directories[step.parent % directories.len()].join(&name);
            if tree.at(&path).is_some() {
                continue;
            }
            match step.linked {
                Some(number) if !others.is_empty() => {
                    let id = others[number % others.len()];
                    tree.link(&path, id).expect("the path is free");
                }
                _ => {
                    let is_directory = step.node.is_directory();
                    let id = tree.insert(&path, step.node).expect("the path is free");
                    match is_directory {
                        true => directories.push(path),
                        false => others.push(id),
                    }
                }
            }
        }
        tree
    })
}
