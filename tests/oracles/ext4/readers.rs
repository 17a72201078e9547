//! Growth of a filesystem that is not mounted, and the copies of the superblock.

use super::image::{Written, all_features, check, params, seal_with_margin};
use super::{assert_manifest, manifest, trees};
use crate::command::{resize, run, stdout};
use imgbuild::fs::ext4::{Features, Params};
use std::os::unix::fs::FileExt;
use std::process::Command;

const GIB: u64 = 1 << 30;

#[test]
fn reserved_descriptors_let_the_filesystem_grow_without_meta_bg() {
    let (tree, objects) = trees::special();
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        let written = Written::new(&seal_with_margin(&tree, &params, GIB), &objects);
        resize(&written.path, 64 * GIB);
        run(Command::new("resize2fs").arg(&written.path));
        check(&written.path);
        let header = stdout(Command::new("dumpe2fs").arg("-h").arg(&written.path));
        assert!(
            header.contains("Block count:              16777216"),
            "{header}"
        );
        assert!(
            header.contains("resize_inode") && !header.contains("meta_bg"),
            "{header}"
        );
        if features == Features::default() {
            let expected = manifest::expected(&tree, &objects);
            assert_manifest(
                &manifest::debugfs(&written.path),
                &expected,
                "debugfs after growth",
            );
        }
    }
}

/// If the first group's descriptors are lost, a copy restores them.
#[test]
fn e2fsck_restores_the_filesystem_from_a_copy_of_the_superblock() {
    let (tree, objects) = trees::special();
    for features in all_features() {
        let params = Params {
            features,
            ..params(0)
        };
        let written = Written::new(&seal_with_margin(&tree, &params, GIB), &objects);
        let header = |options: &[&str]| {
            let text = stdout(
                Command::new("dumpe2fs")
                    .arg("-h")
                    .args(options)
                    .arg(&written.path),
            );
            let lines = text.lines().filter(|line| !line.starts_with("Checksum: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let primary = header(&[]);
        for group in [1, 3, 5, 7] {
            let at = format!("superblock={}", group * 32_768);
            assert_eq!(
                header(&["-o", &at, "-o", "blocksize=4096"]),
                primary,
                "group {group}"
            );
        }
        let file = fs_err::OpenOptions::new()
            .write(true)
            .open(&written.path)
            .unwrap();
        file.file().write_all_at(&[0; 8192], 0).unwrap();
        let repaired = Command::new("e2fsck")
            .arg("-fy")
            .arg(&written.path)
            .output()
            .unwrap();
        assert!(
            matches!(repaired.status.code(), Some(0 | 1)),
            "{repaired:?}"
        );
        check(&written.path);
        let expected = manifest::expected(&tree, &objects);
        assert_manifest(
            &manifest::debugfs(&written.path),
            &expected,
            "debugfs after repair",
        );
    }
}
