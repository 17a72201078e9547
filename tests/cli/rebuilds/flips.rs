//! Foreign programs change one thing in a published image, and it is named.

use super::{flip, released};
use crate::bases::{edit, output};
use crate::command::{self, stdout};
use crate::fixture::run;
use std::path::Path;
use std::process::Command;

/// The offset of `text` in the file `path`, by grep(1).
fn find(path: &Path, text: &str) -> u64 {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C").args(["-aboF", "-m1", text]);
    let found = stdout(grep.arg(path));
    found.split(':').next().unwrap().parse().unwrap()
}

/// The offset in the image `path` at which the file `file` of its root filesystem begins, by sfdisk and debugfs.
fn begins(path: &Path, file: &str) -> u64 {
    let image = path.to_str().unwrap();
    let dump = output("/usr/sbin/sfdisk", &["--dump", image]);
    let line = dump.lines().find(|line| line.contains("img2")).unwrap();
    let start = line.split_once("start=").unwrap().1.split(',').next();
    let start: u64 = start.unwrap().trim().parse().unwrap();
    let device = format!("{image}?offset={}", start * 512);
    let blocks = output(
        "/usr/sbin/debugfs",
        &["-R", &format!("blocks {file}"), &device],
    );
    let block: u64 = blocks.split_whitespace().next().unwrap().parse().unwrap();
    start * 512 + block * 4096
}

#[test]
fn a_byte_in_a_file_is_named_with_its_place() {
    let fixture = released(&[]);
    let image = fixture.published();
    let before = flip(&image, begins(&image, "/etc/greeting") + 3);
    assert_eq!(before, b'l');
    let line = "partition 2 (root): /etc/greeting: content: 1 byte from byte 3 on: 58, expected 6c";
    assert_eq!(fixture.differences(), [line]);
    let mut json = fixture.verify(&image);
    let finished = run(json.arg("--json")).ended(6);
    let found: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(found["identical"], false);
    let part = &found["differences"]["parts"][0];
    assert_eq!(
        (&part["path"], &part["offset"]),
        (&"/etc/greeting".into(), &3.into())
    );
}

#[test]
fn a_field_of_an_inode_is_named_with_its_values() {
    let fixture = released(&[]);
    let image = fixture.published();
    let before = fs_err::read(&image).unwrap();
    for (command, line) in [
        ("mode 0100600", "mode: 100600, expected 100644"),
        ("gid 100000", "gid: 100000, expected 0"),
        (
            "mtime 20200102030405",
            "modification time: 2020-01-02 03:04:05, expected ",
        ),
        ("links_count 2", "links: 2, expected 1"),
        ("flags 0x80010", "flags: 0x80010, expected 0x80000"),
    ] {
        fs_err::write(&image, &before).unwrap();
        edit(&image, &format!("sif /etc/greeting {command}\n"));
        let found = fixture.differences();
        let line = format!("partition 2 (root): /etc/greeting: {line}");
        assert!(
            found.iter().any(|found| found.starts_with(&line)),
            "{found:?}"
        );
        // debugfs also writes the checksum of the inode, and no other inode.
        let others = found
            .iter()
            .filter(|line| line.contains(": /") && !line.contains("/etc/greeting: "));
        assert_eq!(others.count(), 0, "{found:?}");
    }
}

#[test]
fn a_change_of_the_boot_partition_is_named() {
    let fixture = released(&[]);
    let image = fixture.published();
    let before = fs_err::read(&image).unwrap();
    let start = find(&image, "upstream_kernel");
    let in_file = |line: &str| {
        line.starts_with("partition 1 (boot): /config.txt: content: 1 byte from byte ")
    };
    flip(&image, start);
    let found = fixture.differences();
    assert!(found.len() == 1 && in_file(&found[0]), "{found:?}");
    fs_err::write(&image, before).unwrap();
    let (fat, copy) = (
        format!("{}@@1M", image.display()),
        fixture.path("config.txt"),
    );
    let copy = copy.to_str().unwrap();
    output("/usr/bin/mcopy", &["-i", &fat, "::config.txt", copy]);
    let text = fs_err::read_to_string(copy).unwrap();
    fs_err::write(copy, text + "arm_freq=2000\n").unwrap();
    output("/usr/bin/mcopy", &["-o", "-i", &fat, copy, "::config.txt"]);
    let found = fixture.differences();
    let is_in = |start: &'static str| move |line: &String| line.starts_with(start);
    assert!(
        found.iter().any(is_in("partition 1 (boot): /config.txt: ")),
        "{found:?}"
    );
    assert!(found.iter().all(is_in("partition 1 (boot): ")), "{found:?}");
}

#[test]
fn bytes_that_no_file_has_are_named_by_what_is_around_them() {
    let fixture = released(&[]);
    let image = fixture.published();
    let len = image.metadata().unwrap().len();
    flip(&image, 51_200);
    flip(&image, 442);
    flip(&image, 100);
    let mut expected = vec![
        "boot code of sector 0: 1 byte from byte 100 on: 58, expected 00",
        "partition table in sector 0: 1 byte from byte 2 on: 58, expected ",
        "gap between the partition table in sector 0 and partition 1: 1 byte from byte 50688 on: 58, expected 00",
    ];
    let found = fixture.differences();
    let is_it = |(found, expected): (&String, &&str)| found.starts_with(*expected);
    assert!(
        found.len() == 3 && found.iter().zip(&expected).all(is_it),
        "{found:?}"
    );
    // A longer and a shorter image.
    let mut longer = Command::new("truncate");
    command::run(longer.arg("--size=+4096").arg(&image));
    expected.insert(0, "length: more, expected ");
    let found = fixture.differences();
    assert!(
        found.len() == 4 && found.iter().zip(&expected).all(is_it),
        "{found:?}"
    );
    let mut shorter = Command::new("truncate");
    command::run(shorter.arg(format!("--size={}", len - 4096)).arg(&image));
    let found = fixture.differences();
    let words = format!("length: {} bytes, expected {len} bytes", len - 4096);
    assert_eq!(found[0], words, "{found:?}");
}

#[test]
fn the_end_of_the_first_sector_is_named_although_it_makes_a_disk() {
    let fixture = released(&[]);
    flip(&fixture.published(), 510);
    let found = fixture.differences();
    let line = "partition table in sector 0: 1 byte from byte 70 on: 58, expected 55";
    assert_eq!(found, [line]);
}
