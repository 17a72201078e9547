//! fsck.fat and mtools check the FAT writer.
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod read;

use crate::command::{run, stdout};
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Source};
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::event::Silent;
use imgbuild::fs::fat::{FatBits, FatError, Params, measure, seal};
use imgbuild::sink::{self, Digest};
use imgbuild::store::Store;
use imgbuild::tree::{Content, Kind, Meta, Name, Node, Origin, Slice, Tree, TreePath};
use imgbuild::units::{Bytes, Lba};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const EPOCH: i64 = 1_735_689_600;

/// A folder with a store of one object, in which filesystems are made.
struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
    /// Bytes without repetition; every file is a slice of them.
    noise: Sha256,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let words = (0..1_u32 << 18).map(|n| n.wrapping_mul(0x9e37_79b1).to_le_bytes());
    let noise = store
        .insert(words.collect::<Vec<_>>().as_flattened())
        .unwrap();
    Fixture {
        folder,
        store,
        noise,
    }
}

impl Fixture {
    /// Writes the filesystem of `tree` to a file.
    fn make(&self, tree: &Tree, params: &Params) -> Result<PathBuf, FatError> {
        let image = seal(tree, params)?;
        let path = self.folder.path().join("fat.img");
        self.write(&image, &path);
        Ok(path)
    }

    /// Writes `image` to `path`. Free space gets what a card may have held before.
    fn write(&self, image: &Image, path: &Path) {
        sink::write(image, &self.store, path, Digest::Skip, &Silent).unwrap();
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
        for span in free(image) {
            let dirt = vec![0xa5; (span.end - span.start).min(1 << 20) as usize];
            for at in [span.start, span.end - dirt.len() as u64] {
                file.file().write_all_at(&dirt, at).unwrap();
            }
        }
    }

    /// Content of `len` bytes that differs by `seed`.
    fn stored(&self, seed: u8, len: u64) -> Content {
        Content::Stored(Slice {
            object: self.noise,
            offset: 1 + u64::from(seed) * 101,
            len,
        })
    }
}

/// The free spans of `image`.
fn free(image: &Image) -> Vec<Range<u64>> {
    let regions = image.regions().iter();
    let free = regions.filter(|region| region.source == Source::Free);
    free.map(|region| region.start..region.end()).collect()
}

/// Checks that `free` is as many clusters as fsck.fat counts in `image`.
fn assert_free(image: &Path, free: &[Range<u64>], cluster: u64) {
    let text = stdout(Command::new("fsck.fat").arg("-n").arg(image));
    let (_, count) = text.trim_end().rsplit_once(", ").unwrap();
    let (used, all) = count
        .strip_suffix(" clusters")
        .unwrap()
        .split_once('/')
        .unwrap();
    let expected = all.parse::<u64>().unwrap() - used.parse::<u64>().unwrap();
    let found: u64 = free.iter().map(|span| span.end - span.start).sum();
    assert_eq!((found / cluster, found % cluster), (expected, 0), "{text}");
}

fn params(mib: u64, bits: Option<FatBits>) -> Params {
    Params {
        len: Bytes::mib(mib),
        bits,
        volume_id: 0x1234_abcd,
        label: "BOOT".into(),
        epoch: Epoch(EPOCH as u64),
        start: Lba(8192),
    }
}

fn meta(seconds: i64) -> Meta {
    Meta::root(
        0o755,
        Timestamp {
            seconds,
            nanoseconds: 5,
        },
    )
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).unwrap()
}

/// A tree in which the parents of every file exist.
fn tree(files: Vec<(TreePath, Content)>) -> Tree {
    let mut tree = Tree::new(meta(EPOCH));
    for (n, (at, content)) in files.into_iter().enumerate() {
        let (parent, _) = at.split_last().unwrap();
        tree.make_directories(&parent, meta(EPOCH), &Origin::Builtin)
            .unwrap();
        let node = Node::new(Kind::File(content), meta(EPOCH + n as i64), Origin::Builtin);
        tree.insert(&at, node).unwrap();
    }
    tree
}

fn mtools(program: &str, image: &Path) -> Command {
    let mut command = Command::new(program);
    let environment = [
        ("TZ", "UTC"),
        ("LC_ALL", "C.UTF-8"),
        ("MTOOLSRC", "/dev/null"),
    ];
    command.envs(environment).arg("-i").arg(image);
    command
}

/// Checks that fsck.fat prints nothing but its count.
fn assert_clean(image: &Path) {
    let text = stdout(Command::new("fsck.fat").arg("-n").arg(image));
    assert_eq!(text.lines().count(), 2, "{text}");
}

/// Checks that mtools finds exactly the directories and files of `tree`, with their bytes and
/// times.
fn assert_same(fixture: &Fixture, tree: &Tree, image: &Path) {
    let copy = tempfile::tempdir_in(fixture.folder.path()).unwrap();
    // mcopy fails if there is nothing to copy.
    if tree.entries(tree.root()).next().is_some() {
        run(mtools("mcopy", image)
            .args(["-s", "-n", "-m", "::*"])
            .arg(copy.path()));
    }
    let mut found = BTreeMap::new();
    collect(copy.path(), &TreePath::root(), &mut found);
    let expected = read::contents(fixture, tree);
    let names = |found: &BTreeMap<TreePath, _>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (at, content) in &expected {
        assert!(found[at] == *content, "{at} differs");
    }
}

type Found = BTreeMap<TreePath, Option<(i64, Vec<u8>)>>;

fn collect(folder: &Path, at: &TreePath, found: &mut Found) {
    for name in imgbuild::listing::sorted(folder).unwrap() {
        let file = folder.join(&name);
        let at = at.join(&Name::new(name.as_encoded_bytes()).unwrap());
        let metadata = fs_err::metadata(&file).unwrap();
        if metadata.is_dir() {
            found.insert(at.clone(), None);
            collect(&file, &at, found);
        } else {
            found.insert(
                at,
                Some((metadata.mtime() / 2 * 2, fs_err::read(&file).unwrap())),
            );
        }
    }
}

/// All that a boot partition has: short and long names, empty files, files around a cluster's end.
fn boot_tree(fixture: &Fixture) -> Tree {
    let content = |seed, len| fixture.stored(seed, len);
    tree(vec![
        (path("/config.txt"), Content::inline(b"arm_64bit=1\n")),
        (path("/CMDLINE.TXT"), Content::inline(b"")),
        (path("/EFI/BOOT/BOOTX64.EFI"), content(1, 300_001)),
        (path("/EFI/debian/grub.cfg"), content(2, 511)),
        (path("/overlays/vc4-kms-v3d.dtbo"), content(3, 512)),
        (path("/overlays/vc4-kms-v3d-pi4.dtbo"), content(4, 513)),
        (path("/initrd.img-6.12.57+deb13-arm64"), content(5, 700_000)),
        (
            path("/a/b/c/d/e/f/Ünïcödé und mehr als dreizehn Zeichen.txt"),
            content(6, 4096),
        ),
        (path("/thirteenchars"), content(7, 1)),
        (path("/日本語.テキスト"), content(8, 4097)),
        (path("/.hidden"), content(9, 2048)),
    ])
}

#[test]
fn every_width_holds_a_boot_partition() {
    let fixture = fixture();
    let tree = boot_tree(&fixture);
    for (mib, bits) in [
        (2, None),
        (31, Some(FatBits::Fat12)),
        (8, None),
        (300, Some(FatBits::Fat16)),
        (33, None),
        (64, Some(FatBits::Fat32)),
        (512, None),
        (2047, Some(FatBits::Fat16)),
        (20 * 1024, None),
    ] {
        let image = fixture.make(&tree, &params(mib, bits)).unwrap();
        assert_clean(&image);
        assert_same(&fixture, &tree, &image);
    }
}

#[test]
fn a_fat32_says_of_itself_what_was_asked() {
    let fixture = fixture();
    let image = fixture
        .make(&boot_tree(&fixture), &params(512, Some(FatBits::Fat32)))
        .unwrap();
    let text = stdout(mtools("minfo", &image).arg("::"));
    for line in [
        "sector size: 512 bytes",
        "cluster size: 8 sectors",
        "fats: 2",
        "media descriptor byte: 0xf8",
        "hidden sectors: 8192",
        "big size: 1048576 sectors",
        "physical drive id: 0x80",
        "serial number: 1234ABCD",
        "disk label=\"BOOT       \"",
        "disk type=\"FAT32   \"",
        "infoSector location=1",
        "backup boot sector=6",
        "last allocated cluster=266",
    ] {
        let found = text
            .lines()
            .any(|found| found.trim().eq_ignore_ascii_case(line));
        assert!(found, "no `{line}` in\n{text}");
    }
    let output = stdout(mtools("mlabel", &image).args(["-s", "::"]));
    assert_eq!(output.trim(), "Volume label is BOOT");
}

#[test]
fn two_runs_give_equal_bytes() {
    let fixture = fixture();
    let tree = boot_tree(&fixture);
    let image = || seal(&tree, &params(64, None)).unwrap();
    assert_eq!(image(), image());
}

#[test]
fn thousands_of_like_names_and_deep_directories_are_sound() {
    let fixture = fixture();
    let tree = |n_like| {
        let name = |n| path(&format!("/many/the same beginning of a name {n}.dat"));
        let like = (0..n_like).map(|n: u32| (name(n), Content::inline(n.to_string().as_bytes())));
        let deep = (1..40).map(|n| {
            (
                path(&format!("{}/f", "/d".repeat(n))),
                Content::inline(b"x"),
            )
        });
        tree(like.chain(deep).collect())
    };
    for mib in [40, 300] {
        let image = fixture
            .make(&tree(8000), &params(mib, Some(FatBits::Fat32)))
            .unwrap();
        assert_clean(&image);
    }
    // The time of mtools grows with the square of their number.
    let tree = tree(1000);
    let image = fixture
        .make(&tree, &params(40, Some(FatBits::Fat32)))
        .unwrap();
    assert_same(&fixture, &tree, &image);
}

#[test]
fn a_file_of_two_names_becomes_two_files() {
    let fixture = fixture();
    let mut tree = tree(vec![(path("/one"), Content::inline(b"content"))]);
    let one = tree.at(&path("/one")).unwrap();
    tree.link(&path("/two"), one).unwrap();
    let image = fixture.make(&tree, &params(2, None)).unwrap();
    assert_clean(&image);
    assert_same(&fixture, &tree, &image);
}

#[test]
fn a_partition_of_the_measured_length_may_be_full_to_the_last_cluster() {
    let fixture = fixture();
    let files = |n_clusters: u64| {
        let parts = (0..n_clusters).step_by(1000).enumerate();
        let content = |start: u64| fixture.stored(0, (n_clusters - start).min(1000) * 512);
        tree(
            parts
                .map(|(n, start)| (path(&format!("/{n}")), content(start)))
                .collect(),
        )
    };
    let len = measure(&files(0), Some(FatBits::Fat32), Bytes(0)).unwrap();
    let params = Params {
        len,
        ..params(0, Some(FatBits::Fat32))
    };
    let Err(FatError::Full { found, .. }) = fixture.make(&files(80_000), &params) else {
        panic!("40 MiB fit into {len}")
    };
    // The root directory takes five clusters for 67 entries and the label.
    let image = fixture.make(&files(found - 5), &params).unwrap();
    assert_clean(&image);
    assert!(matches!(
        fixture.make(&files(found - 4), &params),
        Err(FatError::Full { .. })
    ));
}

/// Names of every kind: 8.3, longer than 8.3, near each other, with dots, in other scripts.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z0-9_]{1,8}(\\.[A-Z]{1,3})?",
        "[a-z]{1,9}(\\.[a-z]{1,4}){0,2}",
        "[aB~1]{1,10}",
        "[a-zA-Z0-9][-+=;,\\[\\] .a-z0-9äöüßÄéжЖ漢字]{0,60}[a-z0-9]",
        "[a-c]{13}",
        "[a-z]{200,255}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_tree_comes_out_as_it_went_in(
        files in proptest::collection::vec(
            (proptest::collection::vec(name(), 1..4), 0_u64..5000),
            0..40,
        ),
        bits in prop_oneof![Just(None), Just(Some(FatBits::Fat12)), Just(Some(FatBits::Fat32))],
    ) {
        let fixture = fixture();
        let mut tree = tree(Vec::new());
        for (n, (names, len)) in files.into_iter().enumerate() {
            let at = path(&names.join("/"));
            let (parent, _) = at.split_last().unwrap();
            // A generated file may have the name of a wanted directory, or the reverse.
            if tree.make_directories(&parent, meta(EPOCH), &Origin::Builtin).is_ok() {
                let kind = Kind::File(fixture.stored(n as u8, len));
                let _ = tree.insert(&at, Node::new(kind, meta(EPOCH), Origin::Builtin));
            }
        }
        match fixture.make(&tree, &params(33, bits)) {
            Ok(image) => {
                assert_clean(&image);
                assert_same(&fixture, &tree, &image);
                let (ours, _) = read::read(&fixture, &image).unwrap();
                let (found, expected) = (&ours, &tree);
                let contents = |tree| read::contents(&fixture, tree);
                prop_assert!(contents(found) == contents(expected));
                let (free, cluster) = read::free(&image);
                prop_assert_eq!(&free, &self::free(&seal(&tree, &params(33, bits)).unwrap()));
                assert_free(&image, &free, cluster);
            }
            Err(refused) => prop_assert!(matches!(refused, FatError::Case { .. }), "{refused}"),
        }
    }
}
