//! Filesystems that are made like others: dumpe2fs must show the same for both, except for the
//! reported differences.

use super::image::{EPOCH, Objects, Written, check};
use super::{inline, meta, put};
use crate::command::{run, stdout};
use imgbuild::disk::device::FileDevice;
use imgbuild::epoch::Epoch;
use imgbuild::fs::ext4::read::{Filesystem, feature};
use imgbuild::fs::ext4::{Difference, Params, seal};
use imgbuild::tree::Tree;
use std::path::Path;
use std::process::Command;

const LEN: u64 = 96 << 20;
const FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,\
    flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

/// The lines of `dumpe2fs -h` that a filesystem takes over.
fn taken_over(image: &Path) -> Vec<String> {
    const LABELS: [&str; 6] = [
        "Filesystem volume name:",
        "Filesystem UUID:",
        "Filesystem features:",
        "Default mount options:",
        "Directory Hash Seed:",
        "Total journal blocks:",
    ];
    let text = stdout(Command::new("dumpe2fs").arg("-h").arg(image));
    let lines = text
        .lines()
        .filter(|line| LABELS.iter().any(|label| line.starts_with(label)));
    lines.map(str::to_owned).collect()
}

/// The header of a filesystem that `mke2fs` makes with `features` and `options`, and that of a
/// filesystem made like it.
fn like(features: &str, options: &[&str]) -> (Vec<String>, Vec<String>, Params, Vec<Difference>) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    let features = [FEATURES, features].join(",");
    let usual = [
        "-q", "-F", "-t", "ext4", "-L", "a label", "-m", "3", "-i", "8192", "-b", "4096",
    ];
    run(Command::new("mke2fs")
        .args(usual)
        .args(["-O", &features])
        .args(options)
        .arg(&base)
        .arg("96M"));
    let device = FileDevice::new(fs_err::File::open(&base).unwrap()).unwrap();
    let opened = Filesystem::open(&device).unwrap();
    let (params, differences) = Params::like(&opened, LEN, Epoch(EPOCH)).unwrap();
    let mut tree = Tree::new(meta(0o755));
    put(&mut tree, b"/file", inline(b"content"));
    let written = Written::new(&seal(&tree, &params).unwrap(), &Objects::default());
    check(&written.path);
    (
        taken_over(&base),
        taken_over(&written.path),
        params,
        differences,
    )
}

#[test]
fn what_can_be_like_the_base_is() {
    for features in [
        "",
        "^metadata_csum,^64bit,^huge_file",
        "^has_journal",
        "^64bit",
    ] {
        let (base, ours, params, differences) = like(features, &[]);
        assert_eq!(ours, base, "{features}");
        assert_eq!(differences, [], "{features}");
        assert_eq!((params.reserved_percent, params.bytes_per_inode), (3, 8192));
    }
}

#[test]
fn what_cannot_be_like_the_base_is_told() {
    let without = Difference::Without;
    for (features, options, reported) in [
        (
            "orphan_file",
            [].as_slice(),
            vec![without(feature::ORPHAN_FILE)],
        ),
        (
            "metadata_csum_seed",
            &[],
            vec![without(feature::METADATA_CSUM_SEED)],
        ),
        ("inline_data", &[], vec![without(feature::INLINE_DATA)]),
        (
            "bigalloc",
            &["-C", "16384"],
            vec![without(feature::BIGALLOC)],
        ),
        (
            "^dir_nlink",
            &[],
            vec![Difference::With(feature::DIR_NLINK)],
        ),
        ("", &["-I", "512"], vec![Difference::InodeSize(512)]),
        (
            "",
            &["-b", "1024", "-J", "size=2"],
            vec![Difference::BlockSize(1024), Difference::Journal(512)],
        ),
    ] {
        let (_, _, _, differences) = like(features, options);
        assert_eq!(differences, reported, "{features} {options:?}");
    }
}
