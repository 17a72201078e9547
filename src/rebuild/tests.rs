//! The laws of naming: every byte of a disk has one name, and the content of a file is named in order and as a whole.

use crate::digest::Sha256;
use crate::disk::image::Image;
use crate::disk::view::ImageView;
use crate::epoch::{Epoch, Timestamp};
use crate::fs::spot::Spot;
use crate::fs::{ext4, fat};
use crate::tree::{Content, Kind, Meta, Node, Objects, Origin, Tree, TreePath};
use crate::units::{Bytes, Lba};
use std::collections::BTreeMap;
use std::io;

const EPOCH: Epoch = Epoch(1_757_663_741);

/// No object is stored.
struct Nothing;

impl Objects for Nothing {
    fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// A tree of files of all kinds of lengths, among them one for which a directory needs several blocks.
fn tree() -> Tree {
    let meta = Meta::root(0o755, Timestamp::from(EPOCH));
    let mut tree = Tree::new(meta);
    let mut add = |path: &str, kind: Kind| {
        let node = Node::new(kind, meta, Origin::Builtin);
        tree.insert(&TreePath::constant(path), node).unwrap();
    };
    add("/d", Kind::Directory(BTreeMap::new()));
    for (name, len) in [("empty", 0), ("one", 1), ("block", 4096), ("long", 300_001)] {
        add(
            &format!("/d/{name}"),
            Kind::File(Content::inline(&vec![7; len])),
        );
    }
    for n in 0..300 {
        let path = format!("/a file with a long name {n}.text");
        add(&path, Kind::File(Content::inline(path.as_bytes())));
    }
    tree
}

/// Fails the test unless the spots of `image`, as `name` gives them, are right for `tree`.
fn judge(image: &Image, tree: &Tree, name: &dyn Fn(u64) -> Spot) {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut parts: BTreeMap<String, u64> = BTreeMap::new();
    let mut at = 0;
    while at < image.len() {
        let spot = name(at);
        assert!(spot.range.contains(&at), "{at}: {spot:?}");
        let (start, end) = (spot.range.start.max(at), spot.range.end.min(image.len()));
        if spot.part == "content" {
            let path = spot.path.as_ref().unwrap().to_string();
            let len = found.entry(path).or_default();
            assert_eq!(*len, spot.at, "{spot:?}");
            *len += end - start;
        }
        *parts.entry(spot.part).or_default() += end - start;
        at = end;
    }
    assert_eq!(parts.values().sum::<u64>(), image.len());
    let expected = tree.walk().into_iter().filter_map(|(path, id)| {
        let Kind::File(content) = &tree.node(id).kind else {
            return None;
        };
        Some((path.to_string(), content.len()))
    });
    let expected: BTreeMap<String, u64> = expected.filter(|(_, len)| *len > 0).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_byte_of_an_ext4_has_one_name() {
    let tree = tree();
    for mib in [64, 300] {
        let params = ext4::Params::new(mib << 20, [1; 16], [2; 16], EPOCH);
        let image = ext4::seal(&tree, &params).unwrap();
        let view = ImageView::new(&image, &Nothing);
        let filesystem = ext4::read::Filesystem::open(&view).unwrap();
        let survey = filesystem.survey().unwrap();
        judge(&image, &tree, &|offset| survey.spot(offset));
        assert_eq!(survey.spot(1024 + 0x38).part, "superblock: magic number");
        assert_eq!(survey.spot(mib << 20).part, "space behind the filesystem");
    }
}

#[test]
fn every_byte_of_a_fat_has_one_name() {
    let tree = tree();
    for (mib, bits) in [
        (4, fat::FatBits::Fat12),
        (16, fat::FatBits::Fat16),
        (40, fat::FatBits::Fat32),
    ] {
        let params = fat::Params {
            len: Bytes::mib(mib),
            bits: Some(bits),
            volume_id: 7,
            label: "BOOT".to_owned(),
            epoch: EPOCH,
            start: Lba(2048),
        };
        // The root directory of FAT12 and FAT16 has room for 512 entries.
        let mut tree = tree.clone();
        if bits != fat::FatBits::Fat32 {
            for n in 100..300 {
                let path = format!("/a file with a long name {n}.text");
                tree.remove(&TreePath::constant(&path)).unwrap();
            }
        }
        let image = fat::seal(&tree, &params).unwrap();
        let view = ImageView::new(&image, &Nothing);
        let filesystem = fat::read::Filesystem::open(&view).unwrap();
        let survey = filesystem.survey().unwrap();
        judge(&image, &tree, &|offset| survey.spot(offset));
        assert_eq!(survey.spot(0).part, "boot sector");
    }
}
