//! e2fsck, debugfs, dumpe2fs, resize2fs, GRUB, mkext4, ext4-view and the kernel check the ext4
//! filesystems that this program writes, and its own reader must find the same in them.

#![expect(clippy::unwrap_used, reason = "a judge panics with what it saw")]

mod bases;
mod boot_loaders;
mod free;
mod growth;
mod image;
mod kernel;
mod large;
mod manifest;
mod mirror;
mod mke2fs;
mod mkext4;
mod order;
mod reader;
mod readers;
mod real;
mod sharing;
mod sparse;
mod trees;
mod view;

use crate::uml::MOST_DISKS;
use image::{Objects, Written, all_features, check, params, seal_with_margin};
use imgbuild::disk::image::Image;
use imgbuild::epoch::Timestamp;
use imgbuild::fs::ext4::{Features, Params, seal};
use imgbuild::tree::{Content, Kind, Meta, Node, NodeId, Origin, Tree, TreePath};
use manifest::Manifest;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// The features that the oldest boot loaders support.
const BARE: Features = Features {
    metadata_csum: false,
    sixty_four_bit: false,
    huge_file: false,
    journal_blocks: None,
};

const MIB: u64 = 1 << 20;

fn meta(mode: u16) -> Meta {
    Meta::root(
        mode,
        Timestamp {
            seconds: 1_700_000_000,
            nanoseconds: 123_456_789,
        },
    )
}

fn put(tree: &mut Tree, path: &[u8], kind: Kind) -> NodeId {
    let mode = match kind {
        Kind::Directory(_) => 0o755,
        Kind::Symlink(_) => 0o777,
        _ => 0o644,
    };
    put_with(tree, path, kind, meta(mode))
}

fn put_with(tree: &mut Tree, path: &[u8], kind: Kind, meta: Meta) -> NodeId {
    let node = Node::new(kind, meta, Origin::Builtin);
    tree.insert(&TreePath::parse(path).unwrap(), node).unwrap()
}

fn directory() -> Kind {
    Kind::Directory(BTreeMap::new())
}

fn inline(bytes: &[u8]) -> Kind {
    Kind::File(Content::inline(bytes))
}

/// An image, and what it was made of.
struct Made {
    written: Written,
    expected: Manifest,
}

fn made(tree: &Tree, objects: &Objects, image: &Image) -> Made {
    Made {
        written: Written::new(image, objects),
        expected: manifest::expected(tree, objects),
    }
}

/// Checks that e2fsck has no remark, and that debugfs, this program's reader, mkext4 and the kernel
/// find what the trees hold.
fn check_all(images: &[Made]) {
    for made in images {
        check(&made.written.path);
        let found = manifest::debugfs(&made.written.path);
        assert_manifest(&found, &made.expected, "debugfs");
        let found = reader::found(&made.written.path);
        assert_manifest(&found, &made.expected, "our reader");
        if let Some(found) = mkext4::manifest(&made.written.path) {
            let expected = mkext4::without_acls(made.expected.clone());
            assert_manifest(&found, &expected, "mkext4");
        }
    }
    let paths: Vec<_> = images.iter().map(|made| &*made.written.path).collect();
    for (found, made) in kernel::manifests(&paths).iter().zip(images) {
        assert_manifest(found, &made.expected, "the kernel");
    }
}

fn assert_manifest(found: &Manifest, expected: &Manifest, witness: &str) {
    for (path, facts) in expected {
        assert_eq!(
            found.get(path),
            Some(facts),
            "{path} according to {witness}"
        );
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "{witness} finds names that the tree does not hold"
    );
}

#[test]
fn an_empty_tree_is_clean_with_all_features() {
    let tree = Tree::new(meta(0o755));
    let mut images = Vec::new();
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        for margin in [0, 4 * MIB, 300 * MIB] {
            let image = seal_with_margin(&tree, &params, margin);
            images.push(made(&tree, &Objects::default(), &image));
        }
    }
    check_all(&images);
}

#[test]
fn special_cases_are_found_again_with_all_features() {
    let (tree, objects) = trees::special();
    let mut images = Vec::new();
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        let image = seal_with_margin(&tree, &params, 0);
        images.push(made(&tree, &objects, &image));
    }
    check_all(&images);
}

/// A guest checks many trees at once, so that each costs little more than its e2fsck.
#[test]
fn generated_trees_are_found_again() {
    let mut runner = TestRunner::new(Config {
        cases: 2,
        failure_persistence: None,
        ..Config::default()
    });
    let features = proptest::sample::select(all_features());
    let generated = (trees::generated(), features, 0..16 * MIB / 4096);
    runner
        .run(&vec(generated, MOST_DISKS), |generated| {
            let mut images = Vec::new();
            for ((tree, objects), features, margin) in generated {
                let params = Params {
                    features,
                    ..params(0)
                };
                let image = seal_with_margin(&tree, &params, margin * 4096);
                images.push(made(&tree, &objects, &image));
            }
            check_all(&images);
            Ok(())
        })
        .unwrap();
}

/// The lengths are around the end of a group, where a last group is too short for its tables; and
/// such that tables are longer than a group, with as many reserved descriptors as there can be.
#[test]
fn filesystems_of_any_length_are_clean() {
    let tree = Tree::new(meta(0o755));
    let usual = params(0);
    let bare = Params {
        features: BARE,
        ..usual.clone()
    };
    let many_inodes = Params {
        bytes_per_inode: 1024,
        ..usual.clone()
    };
    let grows = Params {
        grow_to: 16 << 40,
        ..many_inodes.clone()
    };
    for params in [usual, bare, many_inodes, grows] {
        for groups in [1, 2, 17] {
            for blocks in [0, 51, 180, 570, 700, 32_767] {
                let len = (groups * 32_768 + blocks) * 4096;
                let image = seal(
                    &tree,
                    &Params {
                        len,
                        ..params.clone()
                    },
                );
                check(&Written::new(&image.unwrap(), &Objects::default()).path);
            }
        }
    }
}
