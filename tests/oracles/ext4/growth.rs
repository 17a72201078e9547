//! Growth of a mounted filesystem, as at a first boot: Linux and its `resize2fs` grow what this
//! program wrote.

use super::image::{Written, all_features, check, params};
use super::kernel::{SHELL, parse};
use super::{assert_manifest, directory, manifest, put, trees};
use crate::command::{resize, stdout};
use crate::uml::{self, Disk};
use imgbuild::fs::ext4::{Features, Params, seal};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

pub(super) const GIB: u64 = 1 << 30;

/// A small root filesystem: 1.6 GB.
pub(super) const SMALL: u64 = 1_600_000_000 / 4096 * 4096;

/// A script that writes files to the small filesystem and to the grown one. If a group has a
/// checksum, Linux clears its inodes later: here, long after the test.
pub(super) fn grows(device: &str) -> String {
    let write =
        |name: &str| format!("dd if=/dev/urandom of=at/grown/{name} bs=64k count=64 2>&1; sync\n");
    let grow = format!("resize2fs {device}\n");
    let mount = format!("mount -t ext4 -o init_itable=1000 {device} at\n");
    let digests = "(cd at/grown; sha256sum before > digests)\n";
    let remount = format!("umount at; mount -t ext4 -o ro {device} at\n");
    let compare = "(cd at/grown; sha256sum -c digests)\n";
    [
        mount,
        write("before"),
        digests.to_owned(),
        grow,
        write("after"),
        remount,
        compare.to_owned(),
    ]
    .concat()
}

/// The output of dumpe2fs about the superblock of `image`.
fn header(image: &Path) -> String {
    stdout(Command::new("dumpe2fs").arg("-h").arg(image))
}

/// Seals a tree with every special case, grows each filesystem to `len` and checks it.
fn check_growth(all: &[Features], len: u64) {
    let (mut tree, objects) = trees::special();
    put(&mut tree, b"/grown", directory());
    let mut expected = manifest::expected(&tree, &objects);
    expected.remove("/grown");
    let images: Vec<_> = all
        .iter()
        .map(|features| {
            let features = *features;
            let params = Params {
                features,
                ..params(SMALL)
            };
            let written = Written::new(&seal(&tree, &params).unwrap(), &objects);
            resize(&written.path, len);
            written
        })
        .collect();
    let mut script = SHELL.to_owned();
    for (index, letter) in (0..images.len()).zip('a'..) {
        script += &grows(&format!("/dev/ubd{letter}"));
        script += &format!("manifest at {index}; umount at\n");
    }
    let disks: Vec<_> = images
        .iter()
        .map(|image| Disk::Writable(&image.path))
        .collect();
    let left = uml::run(&script, &disks);
    for (index, image) in images.iter().enumerate() {
        check(&image.path);
        let header = header(&image.path);
        let blocks = format!("Block count:              {}\n", len / 4096);
        assert!(header.contains(&blocks), "{header}");
        assert!(header.contains("resize_inode"), "{header}");
        assert!(!header.contains("meta_bg"), "{header}");
        let mut found = parse(&left.file(&index.to_string()));
        found.retain(|path, _| !path.starts_with("/grown"));
        assert_manifest(&found, &expected, "the kernel after growth");
        let on_disk = fs_err::metadata(&image.path).unwrap().blocks() * 512;
        assert!(on_disk < 2 * GIB, "{on_disk} bytes on disk");
    }
}

#[test]
fn a_mounted_filesystem_grows_from_1_6_gb_to_64_gb_with_all_features() {
    let (lazy, eager): (Vec<_>, Vec<_>) = all_features()
        .into_iter()
        .partition(|features| features.metadata_csum);
    check_growth(&lazy, 64 * GIB);
    // Each of these takes 1 GB of cleared inodes on the disk for a while.
    for features in eager {
        check_growth(&[features], 64 * GIB);
    }
}

#[test]
fn a_mounted_filesystem_grows_from_1_6_gb_to_1_tib() {
    check_growth(&[Features::default()], 1024 * GIB);
}
