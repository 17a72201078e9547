//! Filesystems that were unmounted.

use super::super::image::{Written, check};
use super::super::{assert_manifest, free, kernel};
use super::{Base, Images, Read, base};
use imgbuild::fs::ext4::read::feature;
use imgbuild::fs::ext4::{Ext4Error, XattrError, seal};
use std::fmt::Write;

/// The filesystems that are read.
const BASES: [Base; 16] = [
    base("debian", "", ""),
    base("raspberry-pi-os", "^metadata_csum,^64bit,^huge_file", ""),
    base("debian-testing", "orphan_file,metadata_csum_seed", ""),
    base("armbian", "metadata_csum_seed", ""),
    base("dietpi", "^has_journal", ""),
    base("blocks-1k", "", "-b 1024"),
    base("blocks-2k", "", "-b 2048"),
    base("small-inodes", "", "-I 128"),
    base("bigalloc", "bigalloc", "-C 16384"),
    base("inline-data", "inline_data", ""),
    base("values-in-inodes", "ea_inode,inline_data", "-I 512"),
    base(
        "like-ext3",
        "^extent,^flex_bg,^64bit,^metadata_csum,^huge_file,^extra_isize",
        "-b 1024",
    ),
    base(
        "like-ext2",
        "^has_journal,^resize_inode,^extent,^flex_bg,^64bit,^metadata_csum,^dir_index,^extra_isize,^sparse_super",
        "",
    ),
    base(
        "checksums-of-descriptors",
        "^metadata_csum,uninit_bg,large_dir,^64bit",
        "",
    ),
    base("quota", "quota,project", ""),
    base(
        "meta-bg",
        "meta_bg,^resize_inode,sparse_super2,mmp,stable_inodes",
        "-b 1024",
    ),
];

#[test]
fn what_the_kernel_wrote_is_read_as_the_kernel_reads_it() {
    let images = Images::new(&BASES);
    let names = BASES.map(|base| base.name.to_owned());
    let mut script = String::new();
    for (base, letter) in BASES.iter().zip('a'..) {
        let mount = format!("mount -t ext4 -o {} /dev/ubd{letter} at", base.mounted);
        writeln!(script, "{mount}; fill everything at; umount at").unwrap();
    }
    images.run(&script, &names);
    let mut again = Vec::new();
    for (name, found) in names.iter().zip(images.looks(&names)) {
        assert!(found.len() > 5500, "{name} has {} names", found.len());
        let path = images.path(name);
        let read = Read::expect(&path);
        read.assert(&found, &path, "the kernel");
        let free = free::dumped(&path).written;
        assert!(
            free::read(&path) == free,
            "{name}: dumpe2fs finds other free blocks"
        );
        again.extend(written_again(name, read).map(|written| (written, found)));
    }
    let paths: Vec<_> = again.iter().map(|(written, _)| &*written.path).collect();
    for (after, (written, before)) in kernel::manifests(&paths).iter().zip(&again) {
        let witness = format!("the kernel in {}", written.path.display());
        assert_manifest(after, before, &witness);
    }
}

/// The same content written by this program, in which e2fsck must find no fault. The result is
/// `None` if extended attributes are larger than this program can write, which it must report.
fn written_again(name: &str, read: Read) -> Option<Written> {
    match seal(&read.tree, &read.params) {
        Ok(image) => {
            let written = Written::new(&image, &read.objects);
            check(&written.path);
            Some(written)
        }
        Err(Ext4Error::Xattr { source, .. }) if read.superblock.features.has(feature::EA_INODE) => {
            assert!(matches!(source, XattrError::TooLarge { .. }), "{source}");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let bases = [
        base("casefold", "casefold", ""),
        base("journal_dev", "journal_dev", ""),
    ];
    for base in bases {
        let images = Images::new(&[base]);
        let error = Read::new(&images.path(base.name))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(base.name), "{error}");
    }
}
