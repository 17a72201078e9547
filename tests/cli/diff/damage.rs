//! Differences outside of files, damaged images, and images that want too much.

use super::{Made, files, is_empty_but};
use crate::command;
use crate::fixture::run;
use crate::inspect::hostile::deepen;
use crate::inspect::made::{FAT, MIB, ROOT};
use imgbuild::diff::{ImageDiff, Side};
use imgbuild::inspect::Image;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// A copy of the image with `change`.
fn changed(made: &Made, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut disk = fs_err::read(made.image()).unwrap();
    change(&mut disk);
    let path = made.path(name);
    fs_err::write(&path, disk).unwrap();
    path
}

/// The end of the root filesystem is free, the first block of it is boot code.
#[test]
fn a_byte_outside_of_files_has_the_name_of_its_place() {
    let made = Made::new();
    for (at, place) in [
        (3, "the boot code in the first sector"),
        (445, "the partition table"),
        (8192 + 40, "the gap before partition 1"),
        (ROOT.end + 5, "the end of the disk"),
        (ROOT.start + 100, "partition 2, outside its files"),
        (ROOT.end - 5, "partition 2, outside its files"),
        (FAT.end - 5, "partition 1, outside its files"),
    ] {
        let other = changed(&made, "other.img", |disk| disk[at] ^= 1);
        let diff = made.json([&made.image(), &other]);
        // Code in the first sector is a boot loader, too.
        is_empty_but(&diff, &["boot_loaders", "bytes"]);
        assert_eq!(diff["bytes"], json!([{ "place": place, "first": at }]));
    }
}

#[test]
fn a_table_that_differs_is_named_by_its_fields() {
    let made = Made::new();
    let other = made.copy("other.img");
    let mut sfdisk = Command::new("/usr/sbin/sfdisk");
    command::run(sfdisk.arg("--disk-id").arg(&other).arg("0x12345678"));
    let diff = made.json([&made.image(), &other]);
    assert_eq!(
        diff["disk"],
        json!([{ "name": "table.id", "before": "0xdeadbeef", "after": "0x12345678" }])
    );
    let mut sfdisk = Command::new("/usr/sbin/sfdisk");
    command::run(sfdisk.arg("--part-type").arg(&other).args(["1", "b"]));
    let diff = made.json([&made.image(), &other]);
    let fields = diff["partitions"][0]["fields"].as_array().unwrap().iter();
    let fields: Vec<_> = fields.map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(fields, ["partuuid", "type", "type_name"]);
}

#[test]
fn a_part_that_cannot_be_read_is_named_with_its_image() {
    let made = Made::new();
    let other = changed(&made, "other.img", |disk| {
        disk[ROOT.start + 1024 + 0x78] ^= 1
    });
    let finished = made.diff([&made.image(), &other], &["--json"]).ended(4);
    finished.says(&["other.img: partition 2: ", "checksum of the superblock"]);
    let short = changed(&made, "short.img", |disk| disk.truncate(40 * MIB));
    made.diff([&made.image(), &short], &[])
        .ended(4)
        .says(&["short.img", "partition table"]);
    // Two copies of one damaged disk are equal all the same.
    let copy = changed(&made, "copy.img", |disk| {
        disk[ROOT.start + 1024 + 0x78] ^= 1
    });
    made.diff([&other, &copy], &[]).ended(0);
}

/// The longest files that ext4 has, and disks that are almost all holes, are compared in no time.
#[test]
fn long_holes_cost_nothing() {
    let huge = |last: &'static str| {
        Made::with(move |root| {
            let path = root.join("huge");
            fs_err::write(&path, "x").unwrap();
            command::resize(&path, 1 << 40);
            fs_err::write(root.join("small"), last).unwrap();
        })
    };
    let (before, after) = (huge("a"), huge("b"));
    let images = [before.image(), after.image()];
    images
        .iter()
        .for_each(|image| command::resize(image, 200 << 30));
    let diff = before.json([&images[0], &images[1]]);
    let files = files(&diff);
    assert!(
        files
            .iter()
            .any(|it| it.starts_with("/small: changed content")),
        "{files:#?}"
    );
    assert!(
        !files
            .iter()
            .any(|it| it.starts_with("/huge: changed content")),
        "{files:#?}"
    );
    command::resize(&images[0], 1 << 40);
    before
        .diff([&images[0], &images[1]], &[])
        .ended(4)
        .says(&["1099511627776 bytes"]);
}

#[test]
fn deep_folders_are_one_difference() {
    let made = Made::new();
    let before = made.path("before.ext4");
    fs_err::copy(made.path("root.ext4"), &before).unwrap();
    deepen(&made);
    let images = [before, made.path("root.ext4")];
    let text = made.diff([&images[0], &images[1]], &[]).ended(1).stdout;
    assert!(
        text.contains("+ /d: directory, with 5899 below it"),
        "{text}"
    );
    let diff = made.json([&images[1], &images[0]]);
    let removed = files(&diff)
        .iter()
        .filter(|it| it.ends_with(": removed"))
        .count();
    assert_eq!(removed, 5900);
}

#[test]
fn a_name_cannot_pretend_to_be_another_line() {
    let before = Made::new();
    let hostile = "x\n- etc|shadow\u{1b}[2J<script>\u{202e}";
    let after = Made::with(|root| {
        fs_err::write(root.join(hostile), "x").unwrap();
        fs_err::os::unix::fs::symlink("b", root.join("a")).unwrap();
        fs_err::os::unix::fs::symlink("a", root.join("b")).unwrap();
        fs_err::os::unix::fs::symlink(".", root.join("usr/self")).unwrap();
    });
    let images = [before.image(), after.image()];
    let text = before.diff([&images[0], &images[1]], &[]).ended(1).stdout;
    assert!(text.contains("+ /x\\u{a}- etc|shadow\\u{1b}[2J"), "{text}");
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text}"
    );
    assert!(text.contains("+ /a: symlink"), "{text}");
    let page = before.path("page.html");
    let arguments = ["--html", page.to_str().unwrap()];
    before.diff([&images[0], &images[1]], &arguments).ended(1);
    let page = fs_err::read_to_string(page).unwrap();
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script"),
        "{page}"
    );
}

/// Bytes of metadata are changed at random, in both directions.
#[test]
fn no_damage_makes_a_comparison_panic() {
    let made = Made::new();
    let good = fs_err::read(made.image()).unwrap();
    let path = made.path("changed.img");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % end as u64).unwrap()
    };
    let spots = [
        0..512,
        FAT.start..FAT.start + 40_000,
        ROOT.start + 1024..ROOT.start + 400_000,
    ];
    let open = |path: PathBuf| Image::plain(&path).ok().flatten();
    for round in 0..30 {
        let spot = &spots[round % spots.len()];
        let mut disk = good.clone();
        for _ in 0..4 {
            disk[spot.start + below(spot.len())] = u8::try_from(below(256)).unwrap();
        }
        fs_err::write(&path, disk).unwrap();
        let (Some(one), Some(other)) = (open(made.image()), open(path.clone())) else {
            continue;
        };
        let (one, other) = (
            Side {
                name: "a",
                image: &one,
            },
            Side {
                name: "b",
                image: &other,
            },
        );
        for (one, other) in [(one, other), (other, one)] {
            if let Ok(diff) = ImageDiff::of(one, other) {
                assert!(!diff.is_empty() || !diff.faults.is_empty());
                drop(diff.sections(true));
            }
        }
    }
    let _ = run(&mut made.command(&path, &[]));
}
