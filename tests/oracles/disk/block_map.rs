//! bmaptool writes an image by its block map to a card that holds other bytes, and the programs that check filesystems
//! find on the card what they find in the image.

use super::{Fixture, fixture, mbr_partition, named};
use crate::command::{e2fsck, run, stdout};
use imgbuild::disk::image::Image;
use imgbuild::disk::table::{Kind as TableKind, Partition};
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::event::Silent;
use imgbuild::fs::ext4::{self, Features};
use imgbuild::fs::fat::{self, FatBits};
use imgbuild::layout::{self, Layout, Request, Start};
use imgbuild::sink::{Format, Keep, Level, Output, Outputs};
use imgbuild::tree::{Content, Kind, Meta, Node, Origin, Tree, TreePath};
use imgbuild::unfinished::Readers;
use imgbuild::units::{Bytes, Lba};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const MBR: TableKind = TableKind::Mbr {
    disk_id: 0x1234_5678,
};

/// Copies the image in the first argument to the card in the second one. bmaptool's command makes a regular file empty
/// before it writes, so this calls its code, which is in a module of one of two names.
const COPY: &str = "
import os, sys
try:
    from bmaptool import BmapCopy
except ImportError:
    from bmaptools import BmapCopy
image, card = sys.argv[1:]
with open(image, 'rb') as source, open(card, 'r+b') as target, open(image + '.bmap') as block_map:
    BmapCopy.BmapCopy(source, target, block_map, os.path.getsize(image)).copy()
";

/// A tree with a file of each of `lens`, so many folders deep.
fn tree(lens: &[(usize, usize)]) -> Tree {
    let meta = Meta::root(0o755, Timestamp::default());
    let mut tree = Tree::new(meta);
    for (n, (depth, len)) in lens.iter().enumerate() {
        let folder = TreePath::parse(format!("/{}", "d/".repeat(*depth)).as_bytes()).unwrap();
        tree.make_directories(&folder, meta, &Origin::Builtin)
            .unwrap();
        let path = format!("/{}file-{n}", "d/".repeat(*depth));
        let bytes: Vec<u8> = (0..*len).map(|at| (at / 7 + at + n) as u8).collect();
        let node = Node::new(Kind::File(Content::inline(&bytes)), meta, Origin::Builtin);
        tree.insert(&TreePath::parse(path.as_bytes()).unwrap(), node)
            .unwrap();
    }
    tree
}

/// A FAT with the files `boot` and an ext4 with the files `root`, which has `margin` MiB more than it needs.
fn image(
    boot: &[(usize, usize)],
    root: &[(usize, usize)],
    features: Features,
    margin: u64,
) -> (Layout, Image) {
    let root = tree(root);
    let mut params = ext4::Params::new(0, [7; 16], [9; 16], Epoch(0));
    params.features = features;
    let needed = ext4::measure(&root, &params).unwrap();
    params.len = needed.next_multiple_of(MIB) + margin * MIB;
    let request = Request {
        start: Start::New(MBR),
        alignment: Bytes::mib(1),
        grown: BTreeMap::new(),
        partitions: vec![
            mbr_partition("boot", 0x0c, true, 64),
            mbr_partition("root", 0x83, false, params.len / MIB),
        ],
        blobs: Vec::new(),
    };
    let boot_params = fat::Params {
        len: Bytes::mib(64),
        bits: Some(FatBits::Fat32),
        volume_id: 1,
        label: "BOOT".into(),
        epoch: Epoch(0),
        start: Lba(2048),
    };
    let contents = BTreeMap::from([
        (1, fat::seal(&tree(boot), &boot_params).unwrap()),
        (2, ext4::seal(&root, &params).unwrap()),
    ]);
    let layout = layout::solve(&request).unwrap();
    let image = layout::assemble(&layout, contents, BTreeMap::new()).unwrap();
    (layout, image)
}

/// Writes an [`image`] to `disk.img`, with a map beside it.
fn write(
    fixture: &Fixture,
    boot: &[(usize, usize)],
    root: &[(usize, usize)],
    features: Features,
    margin: u64,
) -> (Layout, PathBuf) {
    let (layout, image) = image(boot, root, features, margin);
    let path = fixture.folder.path().join("disk.img");
    write_as(fixture, &image, &[(&path, Format::Raw)]);
    (layout, path)
}

/// Writes `image` to files, with a map beside each, as a session does.
fn write_as(fixture: &Fixture, image: &Image, files: &[(&Path, Format)]) {
    let outputs = files.iter().map(|(path, format)| {
        let output = Output::create(path, *format, Readers::Anyone).unwrap();
        output.with_block_map(&map_of(path)).unwrap()
    });
    let outputs = Outputs::new(outputs.collect(), Level::Usual);
    let filled = outputs.fill(image, &fixture.store, Keep::Everything, &Silent);
    let filled = filled.unwrap();
    filled.note(&fixture.store).unwrap();
    let written = filled.finish(&Silent).unwrap();
    assert!(written.len.is_multiple_of(4096));
}

fn map_of(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".bmap");
    PathBuf::from(name)
}

/// A card of the length of `image` that held other bytes, after bmaptool has written the image to it.
fn card(fixture: &Fixture, image: &Path) -> PathBuf {
    let card = fixture.folder.path().join("card.img");
    let mut file = fs_err::File::create(&card).unwrap();
    let dirt = vec![0xa5; MIB as usize];
    let len = fs_err::metadata(image).unwrap().len();
    assert!(len.is_multiple_of(MIB));
    for _ in 0..len / MIB {
        file.write_all(&dirt).unwrap();
    }
    let mut python = Command::new("/usr/bin/python3");
    run(python.args(["-c", COPY]).args([image, &card]));
    card
}

/// Copies `partition` out of `disk` to `to`.
fn extract(disk: &Path, partition: &Partition, to: &Path) {
    let mut file = fs_err::File::open(disk).unwrap();
    file.seek(SeekFrom::Start(partition.start.0)).unwrap();
    let mut out = fs_err::File::create(to).unwrap();
    std::io::copy(&mut file.take(partition.len.0), &mut out).unwrap();
}

/// Everything that foreign programs find in the filesystems of `disk`, each of which must be sound.
fn found(fixture: &Fixture, disk: &Path, layout: &Layout) -> Vec<String> {
    let folder = tempfile::tempdir_in(fixture.folder.path()).unwrap();
    let ask = |program: &str, arguments: &[&str]| {
        stdout(
            Command::new(program)
                .args(arguments)
                .current_dir(folder.path()),
        )
    };
    let mut found = Vec::new();
    for (name, partition) in named(layout) {
        extract(disk, partition, &folder.path().join(name));
        let files = format!("files of {name}");
        fs_err::create_dir(folder.path().join(&files)).unwrap();
        match name {
            "boot" => {
                found.push(ask("fsck.fat", &["-n", "boot"]));
                ask("mcopy", &["-s", "-n", "-i", "boot", "::*", &files]);
            }
            _ => {
                e2fsck(&folder.path().join("root"));
                found.push(ask("e2fsck", &["-fn", "root"]));
                found.push(ask("dumpe2fs", &["root"]));
                let dump = format!("rdump / \"{files}\"");
                ask("debugfs", &["-R", &dump, "root"]);
            }
        }
        let digests = "cd \"$1\" && find . -type f -exec sha256sum {} + | sort";
        found.push(ask("sh", &["-c", digests, "sh", &files]));
    }
    found
}

#[test]
fn bmaptool_finds_the_map_and_verifies_what_it_copies() {
    let fixture = fixture();
    let (_, image) = write(
        &fixture,
        &[(1, 5000)],
        &[(2, 70_000)],
        Features::default(),
        60,
    );
    let copy = fixture.folder.path().join("copy.img");
    let mut command = Command::new("bmaptool");
    run(command.arg("copy").args([&image, &copy]));
    assert!(fs_err::read(&image).unwrap() == fs_err::read(&copy).unwrap());
    // A byte of the disk id differs from the one that the map was made for.
    let mut file = fs_err::OpenOptions::new().write(true).open(&image).unwrap();
    file.seek(SeekFrom::Start(440)).unwrap();
    file.write_all(b"!").unwrap();
    let mut command = Command::new("bmaptool");
    let output = command.arg("copy").args([&image, &copy]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("checksum mismatch"),
        "{text}"
    );
}

#[test]
fn a_packed_image_has_the_map_of_the_raw_one_and_bmaptool_reads_both() {
    let fixture = fixture();
    let (_, image) = image(&[(1, 5000)], &[(2, 700_000)], Features::default(), 60);
    let path = |name: &str| fixture.folder.path().join(name);
    let raw = path("disk.img");
    write_as(&fixture, &image, &[(&raw, Format::Raw)]);
    let map = fs_err::read(map_of(&raw)).unwrap();
    // Alone, alone once more with everything compressed already, and all in one pass.
    let (xz, zst) = (path("disk.img.xz"), path("disk.img.zst"));
    let (xz, zst) = ((xz.as_path(), Format::Xz), (zst.as_path(), Format::Zstd));
    let both = [xz, zst, (raw.as_path(), Format::Raw)];
    for files in [&[xz][..], &[xz], &[zst], &both] {
        write_as(&fixture, &image, files);
        for (file, _) in files {
            assert!(fs_err::read(map_of(file)).unwrap() == map, "{file:?}");
            let copy = path("copy.img");
            run(Command::new("bmaptool").arg("copy").args([*file, &copy]));
            assert!(fs_err::read(&copy).unwrap() == fs_err::read(&raw).unwrap());
            fs_err::remove_file(&copy).unwrap();
            fs_err::remove_file(map_of(file)).unwrap();
        }
    }
}

/// This is why the map is not made from the holes of the file, and it shows that the checks find what is missing.
#[test]
fn a_map_of_the_data_of_the_file_loses_zeros_that_are_read() {
    let fixture = fixture();
    let (layout, image) = write(
        &fixture,
        &[(0, 5000)],
        &[(0, 70_000)],
        Features::default(),
        60,
    );
    let mut command = Command::new("bmaptool");
    let map = map_of(&image);
    run(command.arg("create").arg("-o").arg(&map).arg(&image));
    let card = card(&fixture, &image);
    let boot = fixture.folder.path().join("boot");
    let (_, partition) = named(&layout).next().unwrap();
    extract(&card, partition, &boot);
    let checked = Command::new("fsck.fat").arg("-n").arg(&boot).output();
    assert!(!checked.unwrap().status.success());
}

fn files() -> impl Strategy<Value = Vec<(usize, usize)>> {
    proptest::collection::vec((0..4_usize, 0..200_000_usize), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_used_card_has_the_filesystems_of_the_image(
        boot in files(),
        root in files(),
        flags in any::<(bool, bool, bool)>(),
        margin in prop_oneof![Just(0_u64), 1..20_u64, Just(300)],
    ) {
        let features = Features {
            metadata_csum: flags.0,
            sixty_four_bit: flags.1,
            huge_file: flags.0,
            journal_blocks: flags.2.then_some(1024),
        };
        let fixture = fixture();
        let (layout, image) = write(&fixture, &boot, &root, features, margin);
        let card = card(&fixture, &image);
        prop_assert_eq!(found(&fixture, &card, &layout), found(&fixture, &image, &layout));
    }
}
