//! Blocks of extended attributes that many inodes share.

use super::image::{Objects, Written, check, params, seal_with_margin};
use super::manifest::ask;
use super::{check_all, inline, made, meta, put};
use imgbuild::fs::ext4::{Features, Params};
use imgbuild::tree::{Kind, NodeId, Tree};
use std::collections::BTreeMap;

fn set(tree: &mut Tree, id: NodeId, name: &str, value: &[u8]) {
    let xattrs = &mut tree.node_mut(id).xattrs;
    xattrs.insert(name.as_bytes().to_vec(), value.to_vec());
}

/// The block that each of the files `/0` … has for its extended attributes.
fn blocks(image: &std::path::Path, n: u32) -> Vec<u32> {
    let questions: String = (0..n).map(|i| format!("stat /{i}\n")).collect();
    let answers = ask(image, &questions);
    let block = |answer: &str| answer.split_whitespace().next().unwrap().parse().unwrap();
    answers.split("File ACL: ").skip(1).map(block).collect()
}

#[test]
fn equal_attributes_share_a_block_and_others_have_their_own() {
    for metadata_csum in [true, false] {
        let features = Features {
            metadata_csum,
            ..Features::default()
        };
        let mut tree = Tree::new(meta(0o755));
        for i in 0..6 {
            let id = put(&mut tree, format!("/{i}").as_bytes(), inline(&[b'x'; 5000]));
            set(&mut tree, id, "user.large", &[7; 300]);
            // The third and the fourth differ in a name, the fifth only in what is stored in its
            // inode.
            match i {
                2 => set(&mut tree, id, "user.other", &[7; 200]),
                3 => set(&mut tree, id, "user.othes", &[7; 200]),
                4 => set(&mut tree, id, "security.small", b"x"),
                _ => {}
            }
        }
        let params = Params {
            features,
            ..params(0)
        };
        let image = seal_with_margin(&tree, &params, 0);
        let written = Written::new(&image, &Objects::default());
        let blocks = blocks(&written.path, 6);
        assert_eq!(
            (blocks[1], blocks[4], blocks[5]),
            (blocks[0], blocks[0], blocks[0])
        );
        assert!(blocks[2] != blocks[3] && ![blocks[2], blocks[3]].contains(&blocks[0]));
        check_all(&[made(&tree, &Objects::default(), &image)]);
    }
}

/// e2fsck counts the inodes that share a block, and the kernel allows no more than 1024.
#[test]
fn a_block_is_shared_by_1024_inodes_and_the_next_has_another() {
    let mut tree = Tree::new(meta(0o755));
    for i in 0..2050 {
        let id = put(&mut tree, format!("/{i}").as_bytes(), Kind::Fifo);
        set(&mut tree, id, "security.large", &[7; 1000]);
    }
    let written = Written::new(&seal_with_margin(&tree, &params(0), 0), &Objects::default());
    check(&written.path);
    let mut counts = BTreeMap::new();
    for block in blocks(&written.path, 2050) {
        *counts.entry(block).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [1024, 1024, 2]);
}
