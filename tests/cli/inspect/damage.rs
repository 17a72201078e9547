//! Damaged images, and files that are none: the place of the damage is named, the rest is reported, and nothing panics.

use super::made::Made;
use super::{FAT, MIB, ROOT};
use crate::fixture::run;
use imgbuild::inspect::{Disk, Image, Place, Report};
use serde_json::Value;

/// The report about the image with `change`, the error that comes with it, and the exit code.
fn damaged(made: &Made, change: impl FnOnce(&mut Vec<u8>)) -> (Value, String) {
    let mut disk = fs_err::read(made.image()).unwrap();
    change(&mut disk);
    let path = made.path("damaged.img");
    fs_err::write(&path, disk).unwrap();
    let finished = run(&mut made.command(&path, &["--json"])).ended(4);
    let report = serde_json::from_str(&finished.stdout).unwrap_or(Value::Null);
    (report, finished.stderr)
}

#[test]
fn a_damaged_filesystem_is_named_and_the_rest_is_reported() {
    let made = Made::new();
    // A label with another checksum.
    let (report, error) = damaged(&made, |disk| disk[ROOT.start + 1024 + 0x78] ^= 1);
    assert!(
        error.contains("partition 2: ") && error.contains("checksum of the superblock"),
        "{error}"
    );
    assert_eq!(report["partitions"][0]["filesystem"]["label"], "BOOTFS");
    assert_eq!(report["partitions"][1]["filesystem"], Value::Null);
    assert_eq!(report["boot_loaders"][0]["name"], "U-Boot SPL");

    let (report, error) = damaged(&made, |disk| disk[FAT.start + 16] = 7);
    assert!(
        error.contains("partition 1: ") && error.contains("number of tables"),
        "{error}"
    );
    assert_eq!(report["systems"][0]["hostname"], "made");

    let path = made.path("damaged.img");
    let refused = run(&mut made.command(&path, &["1:/config.txt"])).ended(4);
    refused.says(&["partition 1"]);
}

#[test]
fn what_is_cut_off_is_named() {
    let made = Made::new();
    let (report, error) = damaged(&made, |disk| disk.truncate(40 * MIB));
    assert!(error.contains("is the image cut off?"), "{error}");
    assert_eq!(report, Value::Null);
}

#[test]
fn what_is_no_image_is_refused() {
    let made = Made::new();
    let path = made.path("other");
    for (bytes, words) in [
        (
            &b"hello\n"[..],
            "has no partition table, expected a disk image",
        ),
        (b"", "it is empty, expected a disk image"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "it is a 7-Zip archive"),
        (b"\xfd7zXZ\0\0\x04 and no more", "cannot read the image"),
    ] {
        fs_err::write(&path, bytes).unwrap();
        run(&mut made.command(&path, &[])).ended(4).says(&[words]);
    }
    run(&mut made.command(&made.path("missing"), &[]))
        .ended(4)
        .says(&["missing"]);
    run(&mut made.command(&made.root(), &[]))
        .ended(4)
        .says(&["cannot read the image"]);
}

/// Every byte of metadata that can be reached in a short test is changed in some way.
#[test]
fn no_damage_makes_it_panic() {
    let made = Made::new();
    let good = fs_err::read(made.image()).unwrap();
    let path = made.path("changed.img");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % end as u64).unwrap()
    };
    let spots = [
        0..512,
        FAT.start..FAT.start + 40_000,
        ROOT.start + 1024..ROOT.start + 200_000,
    ];
    fs_err::write(&path, &good).unwrap();
    for round in 0..45 {
        let spot = &spots[round % spots.len()];
        let at = spot.start + below(spot.len());
        let byte = u8::try_from(below(256)).unwrap();
        let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(file.file(), &[byte], at as u64).unwrap();
        let inspected = Image::plain(&path).map(|image| {
            image.map(|image| {
                let place = Place::parse(b"/etc/hostname").unwrap();
                let _ = Disk::read(&image).map(|disk| {
                    place
                        .find(&image, &disk)
                        .map(|found| found.entry(&image, None))
                });
                Report::read(&image).map(|report| report.to_text(true))
            })
        });
        drop(inspected);
        let back = [good[at]];
        std::os::unix::fs::FileExt::write_all_at(file.file(), &back, at as u64).unwrap();
    }
}
