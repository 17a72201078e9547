//! The order of data: packages lie in long runs, and no other program finds a difference but where the data is.

use super::image::{Objects, Written, check, params, seal_with_margin};
use super::manifest::ask;
use super::{MIB, assert_manifest, check_all, directory, inline, made, meta, put};
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Source};
use imgbuild::tree::{Content, Kind, Slice, Tree, TreePath};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// The runs of blocks of each file, in the order of the file, by debugfs.
fn extents(image: &Path, paths: &[String]) -> BTreeMap<String, Vec<Range<u64>>> {
    let questions: String = paths.iter().map(|path| format!("ex {path}\n")).collect();
    let answers = ask(image, &questions);
    let answers = answers.split("debugfs: ex ").skip(1);
    let mut found = BTreeMap::new();
    for (path, answer) in paths.iter().zip(answers) {
        let lines = answer.strip_prefix(path.as_str()).unwrap().lines();
        let runs = lines.filter_map(|line| {
            // Level and depth, entry and entries, first and last block in the file and on the disk, length.
            let line = line.replace(['/', '-'], " ");
            let numbers: Option<Vec<u64>> =
                line.split_whitespace().map(|it| it.parse().ok()).collect();
            match numbers?[..] {
                [level, depth, _, _, _, _, first, last, _] if level == depth => {
                    Some(first..last + 1)
                }
                _ => None,
            }
        });
        found.insert(path.clone(), runs.collect());
    }
    found
}

/// How often a disk has to seek to read `paths` one after the other.
fn seeks<'a>(
    extents: &BTreeMap<String, Vec<Range<u64>>>,
    paths: impl IntoIterator<Item = &'a String>,
) -> usize {
    let runs: Vec<&Range<u64>> = paths.into_iter().flat_map(|path| &extents[path]).collect();
    runs.windows(2)
        .filter(|pair| pair[0].end != pair[1].start)
        .count()
}

/// How many regions of `image` are slices of objects.
fn n_slices(image: &Image) -> usize {
    let regions = image.regions().iter();
    let stored = regions.filter(|region| matches!(region.source, Source::Object { .. }));
    stored.count()
}

/// Packages whose files share folders, as in a root filesystem: paths and lengths by package.
struct Packages(Vec<Vec<(String, u64)>>);

impl Packages {
    /// `n` packages with `files` files each; the files of one package have different lengths of at most `most`.
    fn new(n: usize, files: usize, most: u64) -> Self {
        let package = |package: usize| {
            let mut paths: Vec<(String, u64)> = (0..files)
                .map(|file| {
                    let len = (file * 7919 + package * 104_729) as u64 * 613 % (most + 1);
                    (format!("/d{}/p{package}-{file}", file % 5), len)
                })
                .collect();
            paths.sort();
            paths
        };
        Self((0..n).map(package).collect())
    }

    /// All paths, in order.
    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self
            .0
            .iter()
            .flatten()
            .map(|(path, _)| path.clone())
            .collect();
        paths.sort();
        paths
    }

    fn tree(&self, mut content: impl FnMut(usize, &[(String, u64)]) -> Vec<Content>) -> Tree {
        let mut tree = Tree::new(meta(0o755));
        for folder in 0..5 {
            put(&mut tree, format!("/d{folder}").as_bytes(), directory());
        }
        for (number, files) in self.0.iter().enumerate() {
            for ((path, _), content) in files.iter().zip(content(number, files)) {
                put(&mut tree, path.as_bytes(), Kind::File(content));
            }
        }
        tree
    }
}

/// Bytes without zeros at their end.
fn noise(package: usize, len: u64) -> Vec<u8> {
    (0..len)
        .map(|at| (at % 251 + package as u64 % 4) as u8 | 1)
        .collect()
}

/// Files that no package has, and a second name.
fn add_others(tree: &mut Tree) {
    put(tree, b"/d0/generated", inline(b"generated"));
    put(tree, b"/d4/z-generated", inline(&[7; 9000]));
    let file = tree.at(&TreePath::parse(b"/d0/p0-0").unwrap()).unwrap();
    tree.link(&TreePath::parse(b"/d4/second-name").unwrap(), file)
        .unwrap();
}

#[test]
fn each_package_is_one_region_and_every_witness_finds_the_same_tree_as_without_packages() {
    let packages = Packages::new(12, 40, 20_000);
    let mut objects = Objects::default();
    let mut new = packages.tree(|number, files| {
        let bytes: Vec<Vec<u8>> = files.iter().map(|(_, len)| noise(number, *len)).collect();
        objects.package(&bytes)
    });
    // Files of no object lie in the order of paths, as those of packages did before.
    let mut old = packages.tree(|number, files| {
        let bytes = files
            .iter()
            .map(|(_, len)| Content::inline(&noise(number, *len)));
        bytes.collect()
    });
    add_others(&mut new);
    add_others(&mut old);
    let images = [&new, &old].map(|tree| seal_with_margin(tree, &params(0), 0));
    assert_eq!(images[0].len(), images[1].len());
    assert_eq!(n_slices(&images[0]), 12);
    let regions = [&images[0], &images[1]].map(|image| image.regions().len());
    println!(
        "{} regions by packages, {} by paths",
        regions[0], regions[1]
    );
    assert!(regions[0] < 60 && regions[1] > 800, "{regions:?}");

    let pairs = [&new, &old].into_iter().zip(&images);
    let made: Vec<_> = pairs
        .map(|(tree, image)| made(tree, &objects, image))
        .collect();
    assert_manifest(
        &made[0].expected,
        &made[1].expected,
        "the tree without packages",
    );
    let paths = packages.paths();
    let [by_package, by_path] = [&made[0], &made[1]].map(|it| extents(&it.written.path, &paths));
    assert_eq!(seeks(&by_path, &paths), 0);
    for files in &packages.0 {
        assert_eq!(seeks(&by_package, files.iter().map(|(path, _)| path)), 0);
    }
    for path in &paths {
        assert_eq!(by_package[path].len(), by_path[path].len(), "{path}");
    }
    check_all(&made);
}

/// The first blocks of groups that have tables or a copy of the superblock, by dumpe2fs.
fn n_gaps(image: &Path) -> usize {
    let text = crate::command::stdout(std::process::Command::new("dumpe2fs").arg(image));
    let groups = text.split("\nGroup ").skip(2);
    let has_gap = |group: &&str| {
        let number: u64 = group.split(':').next().unwrap().parse().unwrap();
        number.is_multiple_of(16) || group.contains("superblock at ")
    };
    groups.filter(has_gap).count()
}

/// In 3 GB, which are never written, files meet the tables of groups. Each gap splits one file at most, whichever
/// file it is, so that there are as few pieces as in the order of paths.
#[test]
fn only_tables_split_a_file_and_each_splits_one() {
    let packages = Packages::new(40, 30, 5 * MIB);
    let object = |name: String, offset, len| {
        let object = Sha256::of(name.as_bytes());
        Content::padded(Slice {
            object,
            offset,
            len,
        })
    };
    let new = packages.tree(|number, files| {
        let mut next = 0;
        let content = |(_, len): &(String, u64)| {
            let content = object(number.to_string(), next, *len);
            next += len.next_multiple_of(4096);
            content
        };
        files.iter().map(content).collect()
    });
    let old = packages.tree(|_, files| {
        let content = files
            .iter()
            .map(|(path, len)| object(path.clone(), 0, *len));
        content.collect()
    });
    let paths = packages.paths();
    let mut pieces = Vec::new();
    for tree in [&new, &old] {
        let image = seal_with_margin(tree, &params(0), 0);
        let written = Written::new(&image, &Objects::default());
        check(&written.path);
        let extents = extents(&written.path, &paths);
        let n_gaps = n_gaps(&written.path);
        assert!((5..12).contains(&n_gaps), "{n_gaps}");
        let n_split = extents.values().filter(|runs| runs.len() > 1).count();
        assert!(n_split <= n_gaps, "{n_split} of {n_gaps}");
        assert!(extents.values().all(|runs| runs.len() <= 2));
        pieces.push((n_split, n_gaps, n_slices(&image)));
    }
    let [(_, gaps, slices), (_, gaps_before, slices_before)] = pieces[..] else {
        panic!("two images");
    };
    assert_eq!(gaps, gaps_before);
    assert!(slices <= 40 + gaps, "{slices}");
    assert!(slices_before >= 1190, "{slices_before}");
}
