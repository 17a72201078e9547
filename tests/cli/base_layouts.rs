//! Base images with other layouts than those of this program's images: the position of everything,
//! before and after a build.

use crate::bases::{self, output};
use crate::command::{self, input};
use crate::fixture::{Fixture, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: usize = 1 << 20;
/// Bytes that occur in no filesystem and no table.
const LOADER: [u8; 4096] = [0xa5; 4096];

/// The partitions of an image that imgbuild made: a FAT and the root.
pub(crate) struct Parts {
    pub(crate) fat: Vec<u8>,
    pub(crate) root: Vec<u8>,
}

pub(crate) fn parts(base: &Path) -> Parts {
    let bytes = fs_err::read(base).unwrap();
    let mut fat = bytes[MIB..35 * MIB].to_vec();
    // The disks below have another id than the one in the image's command line, so that setting is
    // made ineffective.
    let named = b"root=PARTUUID=";
    let found = fat.windows(named.len()).position(|part| part == named);
    fat[found.expect("a command line")] = b'R';
    let root = bytes[35 * MIB..].to_vec();
    Parts { fat, root }
}

/// A disk of `len` MiB with `contents` at their offsets in MiB, and the table that sfdisk makes of
/// `script`.
pub(crate) fn disk(path: &Path, len: usize, script: &str, contents: &[(usize, &[u8])]) {
    let mut bytes = vec![0; len * MIB];
    for (at, content) in contents {
        bytes[at * MIB..at * MIB + content.len()].copy_from_slice(content);
    }
    // A boot loader fills the first sector except for the bytes of the table.
    bytes[0..440].copy_from_slice(&LOADER[..440]);
    fs_err::write(path, &bytes).unwrap();
    let mut sfdisk = Command::new("/usr/sbin/sfdisk");
    sfdisk.args(["--quiet", "--wipe=never", "--wipe-partitions=never"]);
    command::run(sfdisk.arg(path).stdin(input(script)));
}

/// The fixture, the partitions of its usual image, and a profile that needs `margin` MiB more.
fn fixture(margin: usize) -> (Fixture, Parts, PathBuf) {
    let (fixture, base) = bases::fixture();
    let parts = parts(&base);
    fixture.edit(bases::ADDER, "\"1MiB\"", &format!("\"{margin}MiB\""));
    (fixture, parts, base)
}

pub(crate) fn mib(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(MIB)
}

/// Builds on `base`, and gives the bytes of the new image.
fn injected(fixture: &Fixture, base: &Path) -> Vec<u8> {
    run(&mut bases::inject(fixture, base)).succeeded();
    fs_err::read(fixture.image()).unwrap()
}

/// Checks that the root at `start` MiB, which is `len` MiB long, is sound and has the new package.
#[track_caller]
fn check_root(fixture: &Fixture, disk: &[u8], start: usize, len: usize) {
    let path = fixture.path("root.ext4");
    fs_err::write(&path, &disk[start * MIB..(start + len) * MIB]).unwrap();
    let path = path.to_str().unwrap();
    output("/usr/sbin/e2fsck", &["-fn", path]);
    assert_eq!(bases::cat(path.as_ref(), "/etc/extra.state"), "configure\n");
}

fn json(image: &Path) -> serde_json::Value {
    let text = output("/usr/sbin/sfdisk", &["--json", image.to_str().unwrap()]);
    let mut table: serde_json::Value = serde_json::from_str(&text).unwrap();
    table["partitiontable"]["device"] = "".into();
    for partition in table["partitiontable"]["partitions"]
        .as_array_mut()
        .unwrap()
    {
        let node = partition["node"].as_str().unwrap();
        partition["node"] = node.rsplit("img").next().unwrap().into();
    }
    table["partitiontable"].take()
}

#[test]
fn the_area_of_a_boot_loader_stays_as_it_is() {
    let (fixture, parts, base) = fixture(1);
    let len = mib(&parts.root);
    let script = "label: dos\nlabel-id: 0x1234abcd\nstart=8192, type=83, bootable\n";
    disk(
        &base,
        4 + len,
        script,
        &[(0, &LOADER), (1, &LOADER), (3, &LOADER), (4, &parts.root)],
    );
    let before = fs_err::read(&base).unwrap();
    let after = injected(&fixture, &base);
    assert!(before[..4 * MIB] == after[..4 * MIB]);
    assert_eq!(json(&base), json(&fixture.image()));
    check_root(&fixture, &after, 4, len);
}

#[test]
fn without_a_fat_settings_are_changed_where_the_device_looks_for_them() {
    let (fixture, parts, base) = fixture(1);
    bases::make_changeable(&fixture);
    let len = mib(&parts.root);
    let script = "label: dos\nlabel-id: 0x1234abcd\nstart=8192, type=83, bootable\n";
    disk(&base, 4 + len, script, &[(4, &parts.root)]);
    let after = injected(&fixture, &base);
    check_root(&fixture, &after, 4, after.len() / MIB - 4);
    let text = bases::cat(&fixture.path("root.ext4"), "/boot/imgbuild.txt");
    assert!(text.contains("#hostname = adder\r\n"), "{text}");
    let settings = "/usr/lib/imgbuild/settings/settings.json";
    let settings = bases::cat(&fixture.path("root.ext4"), settings);
    assert!(settings.contains("\"boot-mount\": \"/boot\""), "{settings}");
}

#[test]
fn a_partition_behind_a_growing_root_moves() {
    let (fixture, parts, base) = fixture(32);
    let len = mib(&parts.root);
    let small = vec![0x5a; MIB];
    let script = format!(
        "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=69632, type=c\n\
         start=71680, size={}, type=83\nstart={}, size=2048, type=c\n",
        len * 2048,
        71_680 + len * 2048
    );
    let contents: [(usize, &[u8]); 3] = [(1, &parts.fat), (35, &parts.root), (35 + len, &small)];
    disk(&base, 36 + len, &script, &contents);
    let (before, old) = (fs_err::read(&base).unwrap(), json(&base));
    let after = injected(&fixture, &base);
    let mut new = json(&fixture.image());
    let size = |table: &serde_json::Value| table["partitions"][1]["size"].as_u64().unwrap();
    let grown = usize::try_from((size(&new) - size(&old)) / 2048).unwrap();
    assert!(grown > 0);
    let moved = 35 + len + grown;
    assert_eq!(
        new["partitions"][2]["start"].as_u64(),
        Some(moved as u64 * 2048)
    );
    assert!(after[moved * MIB..] == small);
    assert!(before[..35 * MIB][512..] == after[..35 * MIB][512..]);
    assert!(before[..446] == after[..446]);
    for (partition, key) in [(1, "size"), (2, "start")] {
        new["partitions"][partition][key] = old["partitions"][partition][key].clone();
    }
    assert_eq!(new, old);
    check_root(&fixture, &after, 35, len + grown);
}

#[test]
fn a_gpt_keeps_its_numbers_and_moves_its_second_copy() {
    let (fixture, parts, base) = fixture(32);
    let len = mib(&parts.root);
    let root = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
    let script = format!(
        "label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\nfirst-lba: 34\n\
         1 : start=73728, size={}, type={root}, uuid=AAAAAAAA-0000-0000-0000-000000000001\n\
         14 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\n\
         15 : start=4096, size=69632, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n",
        len * 2048
    );
    let contents: [(usize, &[u8]); 3] = [(1, &LOADER), (2, &parts.fat), (36, &parts.root)];
    disk(&base, 37 + len, &script, &contents);
    let (before, old) = (fs_err::read(&base).unwrap(), json(&base));
    let after = injected(&fixture, &base);
    output(
        "/usr/sbin/sgdisk",
        &["--verify", fixture.image().to_str().unwrap()],
    );
    let mut new = json(&fixture.image());
    let size = new["partitions"][0]["size"].take();
    let grown = usize::try_from(size.as_u64().unwrap() / 2048).unwrap();
    assert!(grown > len);
    new["partitions"][0]["size"] = old["partitions"][0]["size"].clone();
    new["lastlba"] = old["lastlba"].clone();
    assert_eq!(new, old);
    assert!(before[MIB..36 * MIB] == after[MIB..36 * MIB]);
    check_root(&fixture, &after, 36, grown);
}

#[test]
fn a_disk_of_odd_length_becomes_whole_blocks() {
    let (fixture, parts, base) = fixture(1);
    let len = mib(&parts.root);
    let script = "label: dos\nlabel-id: 0x1234abcd\nstart=8192, type=83, bootable\n";
    disk(&base, 4 + len, script, &[(4, &parts.root)]);
    // Somebody put a sector behind the last partition.
    let before = [fs_err::read(&base).unwrap(), LOADER[..512].to_vec()].concat();
    fs_err::write(&base, &before).unwrap();
    run(bases::inject(&fixture, &base).arg("--bmap")).succeeded();
    let after = fs_err::read(fixture.image()).unwrap();
    assert_eq!(after.len(), (4 + len) * MIB + 4096);
    let end = &after[(4 + len) * MIB..];
    assert!(end[..512] == LOADER[..512] && end[512..].iter().all(|byte| *byte == 0));
    assert!(before[..4 * MIB] == after[..4 * MIB]);
    assert_eq!(json(&base), json(&fixture.image()));
    check_root(&fixture, &after, 4, len);
    let copy = fixture.path("copy.img");
    let mut bmaptool = Command::new("bmaptool");
    command::run(bmaptool.arg("copy").args([&fixture.image(), &copy]));
    assert!(fs_err::read(&copy).unwrap() == after);
}

#[test]
fn a_gpt_on_a_disk_of_odd_length_ends_the_image() {
    let (fixture, parts, base) = fixture(1);
    let len = mib(&parts.root);
    let root = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
    let script = format!(
        "label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\nfirst-lba: 34\n\
         1 : start=2048, size={}, type={root}, uuid=AAAAAAAA-0000-0000-0000-000000000001\n",
        len * 2048
    );
    disk(&base, 2 + len, &script, &[(1, &parts.root)]);
    command::resize(&base, ((2 + len) * MIB + 512) as u64);
    let path = base.to_str().unwrap().to_owned();
    output("/usr/sbin/sgdisk", &["--move-second-header", &path]);
    let (before, old) = (fs_err::read(&base).unwrap(), json(&base));
    let after = injected(&fixture, &base);
    assert_eq!(after.len(), (2 + len) * MIB + 4096);
    let verified = output(
        "/usr/sbin/sgdisk",
        &["--verify", fixture.image().to_str().unwrap()],
    );
    assert!(verified.contains("No problems found"), "{verified}");
    let mut new = json(&fixture.image());
    new["lastlba"] = old["lastlba"].clone();
    assert_eq!(new, old);
    assert!(before[..440] == after[..440]);
    // One copy of the table is at the start, one at the end, and none where it was.
    let copies = after.windows(8).step_by(512).filter(|it| it == b"EFI PART");
    assert_eq!(copies.count(), 2);
    check_root(&fixture, &after, 1, len);
}

#[test]
fn a_logical_root_is_built_on_and_does_not_grow() {
    let (fixture, parts, base) = fixture(1);
    let len = mib(&parts.root);
    let script = format!(
        "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=69632, type=c\n\
         start=71680, size={}, type=5\nstart=73728, size={}, type=83\n",
        (len + 1) * 2048,
        len * 2048
    );
    let contents: [(usize, &[u8]); 2] = [(1, &parts.fat), (36, &parts.root)];
    disk(&base, 36 + len, &script, &contents);
    let before = fs_err::read(&base).unwrap();
    let after = injected(&fixture, &base);
    assert_eq!(json(&base), json(&fixture.image()));
    assert!(before[..36 * MIB] == after[..36 * MIB]);
    check_root(&fixture, &after, 36, len);

    fixture.edit(bases::ADDER, "\"1MiB\"", "\"64MiB\"");
    fs_err::remove_file(fixture.image()).unwrap();
    let finished = run(&mut bases::inject(&fixture, &base));
    finished
        .ended(1)
        .says(&["partition 5 has", "cannot become longer"]);
    assert_eq!(fixture.outputs(), [""; 0]);
}

#[test]
fn what_cannot_be_built_on_is_named() {
    let (fixture, parts, base) = fixture(1);
    let len = mib(&parts.root);
    let script = "label: dos\nlabel-id: 0x1234abcd\nstart=2048, type=83\n";
    let refused = |content: &[u8], words: &str| {
        disk(&base, 1 + len, script, &[(1, content)]);
        let finished = run(&mut bases::inject(&fixture, &base));
        finished.ended(4).says(&[words]);
        assert_eq!(fixture.outputs(), [""; 0]);
    };
    let mut luks = vec![0; MIB];
    luks[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    refused(&luks, "partition 1 of the base image is encrypted (LUKS2)");
    refused(
        &parts.fat[..MIB],
        "no partition of the base image holds a root filesystem",
    );
    let mut damaged = parts.root.clone();
    // This sets an incompatible feature that does not exist: s_feature_incompat is at 0x60 of the
    // superblock.
    damaged[1024 + 0x63] |= 0x40;
    refused(&damaged, "cannot read the ext4 in partition 1");
    fs_err::write(&base, &parts.root).unwrap();
    let finished = run(&mut bases::inject(&fixture, &base));
    finished
        .ended(4)
        .says(&["it is the ext4 of a single partition"]);
}
