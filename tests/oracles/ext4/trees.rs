//! The trees of these tests: one with every special case, and generated ones.

use super::image::Objects;
use super::sparse::sparse;
use super::{directory, inline, meta, put, put_with};
use imgbuild::epoch::Timestamp;
use imgbuild::tree::{Content, Kind, Meta, Name, Node, NodeId, Origin, Tree, TreePath};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A POSIX ACL as the kernel's xattr calls give it: tag, permissions, id.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

pub(super) fn acl_for_user(user: u32) -> Vec<u8> {
    acl(&[
        (1, 7, !0),
        (2, 5, user),
        (4, 5, !0),
        (8, 4, 70_000),
        (16, 5, !0),
        (32, 0, !0),
    ])
}

/// One node of every kind, with the lengths at which the format changes.
pub(super) fn special() -> (Tree, Objects) {
    let mut objects = Objects::default();
    let mut tree = Tree::new(meta(0o755));
    links_and_devices(&mut tree);
    names_and_directories(&mut tree);
    times_and_owners(&mut tree);
    xattrs(&mut tree);
    sparse(&mut tree, &mut objects);
    put(&mut tree, b"/content", directory());
    for len in [0, 1, 4095, 4096, 4097, 1 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i: u32| (i % 251) as u8).collect();
        put(
            &mut tree,
            format!("/content/inline-{len}").as_bytes(),
            inline(&bytes),
        );
        let stored = Kind::File(objects.stored(&bytes));
        put(
            &mut tree,
            format!("/content/stored-{len}").as_bytes(),
            stored,
        );
        let packed = objects.package(&[bytes.clone(), bytes]);
        for (name, content) in ["a", "b"].into_iter().zip(packed) {
            let path = format!("/content/packed-{len}-{name}");
            put(&mut tree, path.as_bytes(), Kind::File(content));
        }
    }
    (tree, objects)
}

fn links_and_devices(tree: &mut Tree) {
    put(tree, b"/links", directory());
    for len in [1, 5, 58, 59, 60, 61, 1000, 4094, 4095] {
        let target: Vec<u8> = (0..len).map(|i: u32| b'a' + (i % 26) as u8).collect();
        put(
            tree,
            format!("/links/{len}").as_bytes(),
            Kind::Symlink(target.into()),
        );
    }
    let file = put(tree, b"/links/hard", inline(b"twenty names"));
    for i in 1..20 {
        let path = format!("/links/hard-{i}");
        tree.link(&TreePath::parse(path.as_bytes()).unwrap(), file)
            .unwrap();
    }
    let symlink = put(
        tree,
        b"/links/soft",
        Kind::Symlink(b"two names".as_slice().into()),
    );
    tree.link(&TreePath::parse(b"/links/soft-2").unwrap(), symlink)
        .unwrap();
    put(tree, b"/dev", directory());
    for (major, minor) in [
        (1, 3),
        (255, 255),
        (256, 0),
        (0, 256),
        (259, 70_000),
        (4095, 0xf_ffff),
    ] {
        let name = |letter: char| format!("/dev/{letter}-{major}-{minor}").into_bytes();
        put(tree, &name('b'), Kind::BlockDevice { major, minor });
        put(tree, &name('c'), Kind::CharDevice { major, minor });
    }
    put(tree, b"/dev/fifo", Kind::Fifo);
    put(tree, b"/dev/socket", Kind::Socket);
}

fn names_and_directories(tree: &mut Tree) {
    put(tree, b"/names", directory());
    let all_bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    for name in [
        b"caf\xe9".as_slice(),
        "Größe 漢字".as_bytes(),
        b"new\nline",
        b"-x \"'\\",
        &[b'x'; 255],
        &all_bytes,
    ] {
        put(tree, &[b"/names/", name].concat(), inline(name));
    }
    // 15 names of 255 bytes and the two dots fill a block except for a checksum. Near this number
    // the directory gets an index.
    for n in [1, 14, 15, 16, 17, 31, 200] {
        put(tree, format!("/names/{n}").as_bytes(), directory());
        for i in 0..n {
            let name = format!("/names/{n}/{i:0>255}");
            put(tree, name.as_bytes(), Kind::Fifo);
        }
    }
    let mut deep = b"/deep".to_vec();
    for _ in 0..100 {
        put(tree, &deep, directory());
        deep.extend(b"/d");
    }
    put(tree, b"/lost+found", directory());
    put(tree, b"/wide", directory());
    for i in 0..200 {
        put(tree, format!("/wide/directory-{i}").as_bytes(), directory());
    }
}

fn times_and_owners(tree: &mut Tree) {
    put(tree, b"/meta", directory());
    for seconds in [
        -0x8000_0000,
        -1,
        0,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x2_7fff_ffff_i64,
    ] {
        let mtime = Timestamp {
            seconds,
            nanoseconds: 999_999_999,
        };
        let meta = Meta {
            mtime,
            ..meta(0o600)
        };
        put_with(
            tree,
            format!("/meta/at{seconds}").as_bytes(),
            inline(b""),
            meta,
        );
    }
    for mode in [0, 0o1777, 0o2755, 0o4755, 0o7777] {
        let meta = Meta {
            uid: 65_536 + u32::from(mode),
            gid: u32::MAX - 1,
            ..meta(mode)
        };
        put_with(
            tree,
            format!("/meta/mode-{mode:o}").as_bytes(),
            inline(b"#!"),
            meta,
        );
        put_with(
            tree,
            format!("/meta/directory-{mode:o}").as_bytes(),
            directory(),
            meta,
        );
    }
}

fn xattrs(tree: &mut Tree) {
    put(tree, b"/xattrs", directory());
    let mut with = |name: &str, kind: Kind, xattrs: &[(&str, Vec<u8>)]| {
        let id = put(tree, format!("/xattrs/{name}").as_bytes(), kind);
        for (name, value) in xattrs {
            tree.node_mut(id)
                .xattrs
                .insert(name.as_bytes().to_vec(), value.clone());
        }
    };
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    with(
        "capability",
        inline(b""),
        &[("security.capability", capability.clone())],
    );
    with("empty", inline(b""), &[("user.empty", Vec::new())]);
    let many: Vec<_> = (0..20)
        .map(|i| (format!("user.attribute{i}"), vec![i; usize::from(i)]))
        .collect();
    let many: Vec<_> = many
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    with("many", inline(b"x"), &many);
    with("large", inline(b""), &[("user.large", vec![7; 4036])]);
    with("exact", inline(b""), &[("user.x", vec![9; 68])]);
    with("one-more", inline(b""), &[("user.x", vec![9; 69])]);
    let mut both = vec![
        ("system.posix_acl_access", acl_for_user(1000)),
        ("security.capability", capability),
    ];
    with("acl", inline(b"x"), &both);
    both.push(("trusted.overlay.opaque", b"y".to_vec()));
    both.push(("system.posix_acl_default", acl_for_user(u32::MAX - 1)));
    with("acl-directory", directory(), &both);
    with(
        "long-name",
        inline(b""),
        &[(&format!("user.{}", "n".repeat(250)), b"v".to_vec())],
    );
    with(
        "device",
        Kind::CharDevice { major: 1, minor: 3 },
        &[("security.x", b"y".to_vec())],
    );
    let label = ("security.selinux", b"system_u:object_r:etc_t:s0\0".to_vec());
    with(
        "symlink",
        Kind::Symlink(b"target".as_slice().into()),
        std::slice::from_ref(&label),
    );
    with(
        "long-symlink",
        Kind::Symlink(vec![b't'; 100].into()),
        &[label, ("trusted.t", vec![1; 500])],
    );
}

/// One node of a generated tree. Numbers choose among the nodes that exist already.
#[derive(Clone, Debug)]
struct Step {
    parent: usize,
    name: Vec<u8>,
    kind: StepKind,
    meta: Meta,
    xattrs: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum StepKind {
    Directory { n_entries: usize },
    Inline(usize),
    Stored(usize),
    Symlink(usize),
    Device(u32, u32),
    Fifo,
    Link(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => prop_oneof![9 => Just(0_usize), 1 => 100..800_usize].prop_map(|n_entries| StepKind::Directory { n_entries }),
        4 => (0..9000_usize).prop_map(StepKind::Inline),
        2 => (0..40_000_usize).prop_map(StepKind::Stored),
        3 => (1..=4095_usize).prop_map(StepKind::Symlink),
        2 => (1..=59_usize).prop_map(StepKind::Symlink),
        1 => (0..4096_u32, 0..0x10_0000_u32).prop_map(|(major, minor)| StepKind::Device(major, minor)),
        1 => Just(StepKind::Fifo),
        2 => any::<usize>().prop_map(StepKind::Link),
    ];
    let meta = (
        0..=0o7777_u16,
        any::<(u32, u32)>(),
        -(1_i64 << 31)..(3 << 32) - (1 << 31),
        0..1_000_000_000_u32,
    )
        .prop_map(|(mode, (uid, gid), seconds, nanoseconds)| Meta {
            mode,
            // -1 is not a valid id.
            uid: uid.min(u32::MAX - 1),
            gid: gid.min(u32::MAX - 1),
            mtime: Timestamp {
                seconds,
                nanoseconds,
            },
        });
    let xattrs = btree_map(
        "(security|trusted)\\.[a-z]{1,30}",
        vec(any::<u8>(), 0..200),
        0..5,
    );
    let no_xattrs = Just(BTreeMap::new());
    let xattrs = prop_oneof![2 => no_xattrs, 1 => xattrs];
    (
        any::<usize>(),
        vec(any::<u8>(), 1..=255),
        kind,
        meta,
        xattrs,
    )
        .prop_map(|(parent, name, kind, meta, xattrs)| Step {
            parent,
            name,
            kind,
            meta,
            xattrs,
        })
}

/// Trees of up to 60 nodes, some with a directory of hundreds.
pub(super) fn generated() -> impl Strategy<Value = (Tree, Objects)> {
    vec(step(), 0..60).prop_map(|steps| {
        let mut objects = Objects::default();
        let mut tree = Tree::new(meta(0o755));
        let mut directories = vec![TreePath::root()];
        let mut others: Vec<NodeId> = Vec::new();
        for step in steps {
            let Ok(name) = Name::new(&step.name) else {
                continue;
            };
            let path = directories[step.parent % directories.len()].join(&name);
            if tree.at(&path).is_some() || path == TreePath::parse(b"lost+found").unwrap() {
                continue;
            }
            let kind = match step.kind {
                StepKind::Directory { .. } => directory(),
                StepKind::Inline(len) => inline(&vec![0x5a; len]),
                StepKind::Stored(len) => Kind::File(objects.stored(&vec![0xa5; len])),
                StepKind::Symlink(len) => Kind::Symlink(vec![b's'; len].into()),
                StepKind::Device(major, minor) => Kind::BlockDevice { major, minor },
                StepKind::Fifo => Kind::Fifo,
                StepKind::Link(_) if others.is_empty() => continue,
                StepKind::Link(other) => {
                    tree.link(&path, others[other % others.len()]).unwrap();
                    continue;
                }
            };
            let mut node = Node::new(kind, step.meta, Origin::Builtin);
            node.xattrs = step
                .xattrs
                .into_iter()
                .map(|(name, value)| (name.into_bytes(), value))
                .collect();
            let id = tree.insert(&path, node).unwrap();
            match step.kind {
                StepKind::Directory { n_entries } => {
                    for i in 0..n_entries {
                        let name =
                            Name::new(format!("{i} {}", "n".repeat(i % 100)).as_bytes()).unwrap();
                        let file = Node::new(
                            Kind::File(Content::inline(b"")),
                            meta(0o644),
                            Origin::Builtin,
                        );
                        tree.insert(&path.join(&name), file).unwrap();
                    }
                    directories.push(path);
                }
                _ => others.push(id),
            }
        }
        (tree, objects)
    })
}
