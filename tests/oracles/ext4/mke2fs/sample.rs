//! The content of the filesystems of mke2fs: what mke2fs and debugfs can write, at the lengths at
//! which the format changes.

use super::super::{directory, inline, meta, put, trees};
use super::INDIRECT;
use imgbuild::tree::{Content, Kind, Piece, Tree, TreePath};

/// A tree for a filesystem made with `options`.
pub(super) fn sample(options: &str) -> Tree {
    let mut tree = Tree::new(meta(0o755));
    contents(&mut tree, options);
    links(&mut tree);
    names(&mut tree);
    devices(&mut tree);
    owners(&mut tree);
    xattrs(&mut tree);
    if options.contains("ea_inode") {
        large_xattrs(&mut tree, options);
    }
    tree
}

fn contents(tree: &mut Tree, options: &str) {
    put(tree, b"/content", directory());
    for len in [
        0, 1, 59, 60, 61, 100, 132, 133, 150, 400, 1023, 4096, 4097, 300_000,
    ] {
        let bytes: Vec<u8> = (0..len).map(|i: u32| (i % 251) as u8).collect();
        put(tree, format!("/content/{len}").as_bytes(), inline(&bytes));
    }
    put(tree, b"/content/comb", comb(700, 0));
    if INDIRECT.contains(&options) {
        // This is beyond the 12 direct, 256 indirect and 65536 doubly indirect blocks of 1 KiB.
        let far = comb(3, (12 + 256 + 65_536 + 300) * 1024);
        put(tree, b"/content/far", far);
    }
    put(
        tree,
        b"/content/hole",
        Kind::File(Content::from_pieces([Piece::Hole(900_000)])),
    );
}

/// A file of `n` blocks of data of 1 KiB with holes of 7 KiB between them, from `from` on. It ends in
/// data: mke2fs 1.47.0 loses a last hole with `inline_data`.
fn comb(n: u32, from: u64) -> Kind {
    let tooth = |i: u32| {
        let bytes: Vec<u8> = (0..1024)
            .map(|at: u32| ((at + i) % 251) as u8 + 1)
            .collect();
        let hole = if i == 0 { from } else { 7 << 10 };
        [Piece::Hole(hole), Piece::Bytes(bytes.into())]
    };
    Kind::File(Content::from_pieces((0..n).flat_map(tooth)))
}

fn links(tree: &mut Tree) {
    put(tree, b"/links", directory());
    for len in [1, 59, 60, 61, 100, 150, 1000] {
        let target = vec![b't'; len];
        put(
            tree,
            format!("/links/{len}").as_bytes(),
            Kind::Symlink(target.into()),
        );
    }
    let file = put(tree, b"/links/hard", inline(b"three names"));
    for name in ["/links/hard-2", "/content/hard-3"] {
        tree.link(&TreePath::parse(name.as_bytes()).unwrap(), file)
            .unwrap();
    }
}

fn names(tree: &mut Tree) {
    for n in [0, 1, 5, 30, 300] {
        put(tree, format!("/names-{n}").as_bytes(), directory());
        for i in 0..n {
            let name = format!("/names-{n}/{i}-{}", "n".repeat(i % 90));
            put(
                tree,
                name.as_bytes(),
                if i % 7 == 3 { directory() } else { Kind::Fifo },
            );
        }
    }
}

fn devices(tree: &mut Tree) {
    put(tree, b"/dev", directory());
    for (major, minor) in [(1, 3), (255, 255), (259, 65_000)] {
        let name = |letter| format!("/dev/{letter}-{major}-{minor}").into_bytes();
        put(tree, &name('b'), Kind::BlockDevice { major, minor });
        put(tree, &name('c'), Kind::CharDevice { major, minor });
    }
}

/// Adds extended attributes whose values are in inodes of their own.
fn large_xattrs(tree: &mut Tree, options: &str) {
    // debugfs 1.47.0 takes values of up to a block. A value of a whole block does not fit into a
    // block.
    let len = if options.contains("-b 1024") {
        1024
    } else {
        4096
    };
    let value = |from| (from..from + len).map(|i: u32| (i % 253) as u8).collect();
    let id = put(tree, b"/xattrs/large", inline(b"in inodes"));
    let xattrs = &mut tree.node_mut(id).xattrs;
    xattrs.insert(b"user.large".to_vec(), value(0));
    xattrs.insert(b"trusted.large".to_vec(), value(1));
}

fn owners(tree: &mut Tree) {
    let id = put(tree, b"/owned", inline(b"by nobody that exists"));
    let node = tree.node_mut(id);
    (node.meta.uid, node.meta.gid, node.meta.mode) = (70_000, 4_000_000_000, 0o6755);
    node.meta.mtime.seconds = 0x7fff_ffff;
}

fn xattrs(tree: &mut Tree) {
    put(tree, b"/xattrs", directory());
    let acl = trees::acl_for_user(1000);
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    for (name, kind, attributes) in [
        (
            "acl",
            inline(b"x"),
            vec![("system.posix_acl_access", acl.clone())],
        ),
        (
            "default",
            directory(),
            vec![
                ("system.posix_acl_default", acl.clone()),
                ("system.posix_acl_access", acl),
            ],
        ),
        (
            "capability",
            inline(b"y"),
            vec![("security.capability", capability)],
        ),
        (
            "small",
            inline(&[7; 50]),
            vec![("user.a", vec![1; 30]), ("trusted.b", vec![2; 9])],
        ),
        (
            "block",
            inline(&[8; 100]),
            vec![("user.a", vec![1; 300]), ("user.b", vec![2; 400])],
        ),
    ] {
        let id = put(tree, format!("/xattrs/{name}").as_bytes(), kind);
        for (name, value) in attributes {
            tree.node_mut(id)
                .xattrs
                .insert(name.as_bytes().to_vec(), value);
        }
    }
}
