use super::*;
use crate::digest::Sha256;
use crate::disk::image::Source;
use crate::epoch::Timestamp;
use crate::tree::{Kind, Meta, Node, Origin, Slice, TreePath};
use std::collections::BTreeMap;

pub(super) const META: Meta = Meta {
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: Timestamp {
        seconds: 1_735_689_600,
        nanoseconds: 0,
    },
};

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).unwrap()
}

fn tree(entries: Vec<(&str, Kind)>) -> Tree {
    let mut tree = Tree::new(META);
    for (at, kind) in entries {
        tree.insert(&path(at), Node::new(kind, META, Origin::Builtin))
            .unwrap();
    }
    tree
}

fn directory() -> Kind {
    Kind::Directory(BTreeMap::new())
}

/// A file of `len` bytes that nobody reads.
fn stored(len: u64) -> Kind {
    Kind::File(Content::Stored(Slice {
        object: Sha256::of(b"nowhere"),
        offset: 100,
        len,
    }))
}

fn file(text: &str) -> Kind {
    Kind::File(Content::inline(text.as_bytes()))
}

pub(super) fn params(mib: u64) -> Params {
    Params {
        len: Bytes::mib(mib),
        bits: None,
        volume_id: 0x1234_abcd,
        label: "BOOT".into(),
        epoch: Epoch(1_735_689_600),
        start: Lba(8192),
    }
}

#[test]
fn content_is_passed_on_and_not_read() {
    let image = seal(&tree(vec![("/a", stored(5000))]), &params(64)).unwrap();
    let mut regions = image.regions().iter();
    let found = regions.find_map(|region| match region.source {
        Source::Object { object, offset } => Some((object, offset, region.len)),
        _ => None,
    });
    assert_eq!(found, Some((Sha256::of(b"nowhere"), 100, 5000)));
}

#[test]
fn files_of_one_object_are_one_region_if_clusters_have_room_for_the_zeros_between_them() {
    let packed = |offset, len| {
        let object = Sha256::of(b"package");
        Kind::File(Content::padded(Slice {
            object,
            offset,
            len,
        }))
    };
    for (mib, cluster, expected) in [(64, 512, vec![5000, 1]), (512, 4096, vec![12_288])] {
        let tree = tree(vec![("/a", packed(0, 5000)), ("/b", packed(8192, 1))]);
        let params = Params {
            bits: Some(FatBits::Fat32),
            ..params(mib)
        };
        let geometry = Geometry::choose(params.len, params.bits).unwrap();
        assert_eq!(geometry.cluster(), cluster);
        let image = seal(&tree, &params).unwrap();
        let stored = |region: &&Region| matches!(region.source, Source::Object { .. });
        let lens: Vec<u64> = image
            .regions()
            .iter()
            .filter(stored)
            .map(|it| it.len)
            .collect();
        assert_eq!(lens, expected);
    }
}

#[test]
fn what_fat_cannot_hold_is_named() {
    for (entries, expected) in [
        (
            vec![("/d", directory()), ("/d/l", Kind::Symlink((*b"x").into()))],
            "`/d/l` is a symbolic link",
        ),
        (
            vec![("/tty", Kind::CharDevice { major: 5, minor: 0 })],
            "`/tty` is a character device",
        ),
        (
            vec![("/README", file("")), ("/readme", file(""))],
            "`/README` and `/readme` differ only in case",
        ),
        (
            vec![("/Ä", file("")), ("/ä", file(""))],
            "`/Ä` and `/ä` differ only in case",
        ),
        (vec![("/a:b", file(""))], "the name of `/a:b`"),
        (
            vec![("/big", stored(1 << 32))],
            "`/big` has 4294967296 bytes",
        ),
    ] {
        let refused = seal(&tree(entries), &params(64)).unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn a_full_partition_says_what_is_needed() {
    let big = tree(vec![("/big", stored(2 << 20))]);
    let refused = seal(&big, &params(1)).unwrap_err();
    let is_full = matches!(refused, FatError::Full { needed: 4096, .. });
    assert!(is_full, "{refused}");

    let names: Vec<String> = (0..512).map(|n| format!("/F{n}")).collect();
    let many = tree(names.iter().map(|name| (name.as_str(), file(""))).collect());
    let refused = seal(&many, &params(4)).unwrap_err().to_string();
    let expected = "directory `/` needs 513 entries";
    assert!(refused.starts_with(expected), "{refused}");
    assert!(seal(&many, &params(33)).is_ok());
}

#[test]
fn the_measured_length_is_enough_and_little_more() {
    for (len, files) in [
        (0, 0),
        (1, 100),
        (5 << 20, 1),
        (300 << 20, 2),
        (3_000_000, 100),
    ] {
        let names: Vec<String> = (0..files).map(|n| format!("/some long name {n}")).collect();
        let entries = names.iter().map(|name| (name.as_str(), stored(len)));
        let tree = tree(entries.collect());
        for bits in [None, Some(FatBits::Fat32)] {
            let measured = measure(&tree, bits, Bytes::mib(1)).unwrap();
            let all = Params {
                len: measured,
                bits,
                ..params(0)
            };
            let sealed = seal(&tree, &all);
            assert!(sealed.is_ok(), "{len} {files} {bits:?} {measured}");
            let enough = Bytes(len * files + (len * files / 20) + (4 << 20));
            let most = geometry::shortest(bits).max(enough);
            assert!(measured <= most, "{measured} for {files} times {len}");
        }
    }
}
