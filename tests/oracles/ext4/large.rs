//! Large directories and large files.

use super::image::{Objects, Written, check, params, seal_with_margin};
use super::kernel;
use super::manifest::ask;
use super::{assert_manifest, directory, inline, made, meta, put};
use crate::uml::{self, Disk};
use imgbuild::digest::Sha256;
use imgbuild::disk::image::Source;
use imgbuild::tree::{Content, Kind, Node, Origin, Slice, Tree, TreePath};

const GIB: u64 = 1 << 30;

#[test]
fn directory_of_120_000_entries_is_clean_and_every_name_is_found() {
    let mut tree = Tree::new(meta(0o755));
    put(&mut tree, b"/d", directory());
    let file = put(&mut tree, b"/d/0", inline(b""));
    // Two inodes have 60,000 names each, because the directory is what is checked here.
    for i in 1..60_000 {
        let path = TreePath::parse(format!("/d/{i}").as_bytes()).unwrap();
        tree.link(&path, file).unwrap();
    }
    let second = put(&mut tree, b"/d/entry", inline(b""));
    for i in 1..60_000 {
        let name = format!("/d/a-rather-long-name-of-an-entry-{i:09}");
        tree.link(&TreePath::parse(name.as_bytes()).unwrap(), second)
            .unwrap();
    }
    let image = seal_with_margin(&tree, &params(0), 0);
    let made = made(&tree, &Objects::default(), &image);
    let path = &made.written.path;
    check(path);
    assert!(ask(path, "htree_dump /d\n").contains("Indirect levels: 1"));
    assert_eq!(made.expected.len(), 120_003);
    assert_manifest(&kernel::manifests(&[path])[0], &made.expected, "the kernel");
}

/// 15 of these names fill a block. Numbers 7574 and 99682 have the same hash under the seed of
/// [`params`]. In some of these directories, one of them is the last in a block and the other the
/// first in the next.
#[test]
fn names_of_equal_hash_are_found_across_two_blocks() {
    let mut tree = Tree::new(meta(0o755));
    let file = put(&mut tree, b"/file", inline(b""));
    for n in 30..75 {
        put(&mut tree, format!("/{n}").as_bytes(), directory());
        for i in (0..n).chain([7574, 99_682]) {
            let path = TreePath::parse(format!("/{n}/{i:0>255}").as_bytes()).unwrap();
            tree.link(&path, file).unwrap();
        }
    }
    let image = seal_with_margin(&tree, &params(0), 0);
    let made = made(&tree, &Objects::default(), &image);
    check(&made.written.path);
    let found = kernel::manifests(&[&made.written.path]);
    assert_manifest(&found[0], &made.expected, "the kernel");
}

#[test]
fn more_subdirectories_than_links_can_count() {
    for (n, links) in [(64_998_u32, 65_000), (64_999, 1)] {
        let mut tree = Tree::new(meta(0o755));
        put(&mut tree, b"/d", directory());
        for i in 0..n {
            let path = TreePath::parse(format!("/d/{i}").as_bytes()).unwrap();
            tree.insert(&path, Node::new(directory(), meta(0o755), Origin::Builtin))
                .unwrap();
        }
        let written = Written::new(&seal_with_margin(&tree, &params(0), 0), &Objects::default());
        check(&written.path);
        let stat = ask(&written.path, "stat /d\n");
        assert!(stat.contains(&format!("Links: {links} ")), "{stat}");
    }
}

/// A file whose data is never written, of 5 GiB (one level of extent nodes) and of 300 GiB (two
/// levels).
#[test]
fn large_files_lie_where_their_extents_say() {
    for (len, levels) in [(5 * GIB + 1, 1), (300 * GIB, 2)] {
        let object = Sha256::of(b"an object that is nowhere");
        let content = Content::Stored(Slice {
            object,
            offset: 77,
            len,
        });
        let mut tree = Tree::new(meta(0o755));
        put(&mut tree, b"/large", Kind::File(content));
        let image = seal_with_margin(&tree, &params(0), 0);
        let written = Written::new(&image, &Objects::default());
        check(&written.path);
        let stat = ask(&written.path, "ex /large\n");
        let last_level = format!("\n {levels}/ {levels}");
        assert!(stat.contains(&last_level), "{stat}");

        let mut done = 0;
        let mut questions = String::new();
        let mut blocks = Vec::new();
        for region in image.regions() {
            let Source::Object {
                object: found,
                offset,
            } = region.source
            else {
                continue;
            };
            assert_eq!((found, offset), (object, 77 + done));
            for at in [0, (region.len - 1) / 4096] {
                questions += &format!("bmap /large {}\n", done / 4096 + at);
                blocks.push((region.start / 4096 + at).to_string());
            }
            done += region.len;
        }
        assert_eq!(done, len);
        let answers = ask(&written.path, &questions);
        let found: Vec<_> = answers
            .lines()
            .filter(|line| !line.starts_with("debugfs"))
            .collect();
        assert_eq!(found, blocks);
        let stat = "mkdir at; mount -t ext4 -o ro,noload /dev/ubda at; stat -c %s at/large";
        let left = uml::run(stat, &[Disk::ReadOnly(&written.path)]);
        assert_eq!(left.printed(), format!("{len}\n"));
    }
}
