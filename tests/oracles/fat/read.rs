//! Filesystems of mkfs.fat and mtools, which this program reads; and they check those that are
//! written in the same shape.

use super::{
    Fixture, Found, assert_clean, assert_free, assert_same, collect, fixture, mtools, path,
};
use crate::command::{resize, run, stdout};
use imgbuild::disk::device::FileDevice;
use imgbuild::disk::probe::Contents;
use imgbuild::event::Silent;
use imgbuild::fs::fat::read::{Corrupt, Filesystem, ReadError, Unsupported};
use imgbuild::fs::fat::{FatBits, Volume, reseal};
use imgbuild::sink::{self, Digest};
use imgbuild::tree::{Kind, Slice, Tree, TreePath};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Reads the filesystem in `image`, whose content is in the store.
pub(super) fn read(fixture: &Fixture, image: &Path) -> Result<(Tree, Volume), ReadError> {
    let object = fixture.store.insert(&fs_err::read(image).unwrap()).unwrap();
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let len = fs_err::metadata(image).unwrap().len();
    let filesystem = Filesystem::open(&device)?;
    let place = Slice {
        object,
        offset: 0,
        len,
    };
    Ok((filesystem.tree(&place)?, filesystem.volume()?))
}

/// The free spans that this program's reader finds in `image`, and the length of a cluster.
pub(super) fn free(image: &Path) -> (Vec<Range<u64>>, u64) {
    let device = FileDevice::new(fs_err::File::open(image).unwrap()).unwrap();
    let head = head(image);
    let sector = u64::from(u16::from_le_bytes([head[11], head[12]]));
    let free = Filesystem::open(&device).unwrap().free().unwrap();
    (free, sector * u64::from(head[13]))
}

/// Every path of `tree` with the time in two-second steps and the bytes of files.
pub(super) fn contents(fixture: &Fixture, tree: &Tree) -> Found {
    let mut found = BTreeMap::new();
    for (at, id) in tree.walk().into_iter().skip(1) {
        let node = tree.node(id);
        let content = match &node.kind {
            Kind::File(content) => Some((
                node.meta.mtime.seconds / 2 * 2,
                content.read(&fixture.store).unwrap().to_vec(),
            )),
            _ => None,
        };
        found.insert(at, content);
    }
    found
}

fn mkfs(fixture: &Fixture, len: u64, arguments: &str) -> PathBuf {
    let image = fixture.folder.path().join("foreign.img");
    fs_err::File::create(&image).unwrap();
    resize(&image, len);
    let mut mkfs = Command::new("mkfs.fat");
    run(mkfs.args(arguments.split_whitespace()).arg(&image));
    image
}

/// Copies files into the image so that the large one is in the gaps that deleted ones leave.
fn fill(fixture: &Fixture, image: &Path) -> BTreeMap<TreePath, Vec<u8>> {
    let source = tempfile::tempdir_in(fixture.folder.path()).unwrap();
    let mut files = BTreeMap::new();
    let mut put = |at: &str, len: usize| {
        let bytes: Vec<u8> = (0..len).map(|n| (n / 7 + n + at.len()) as u8).collect();
        let file = source.path().join("file");
        fs_err::write(&file, &bytes).unwrap();
        let touch = ["-d", "2024-02-29 12:34:56 UTC"];
        run(Command::new("touch").args(touch).arg(&file));
        run(mtools("mcopy", image)
            .arg("-m")
            .arg(&file)
            .arg(format!("::{at}")));
        files.insert(path(at), bytes);
    };
    for directory in ["::/EFI", "::/EFI/BOOT", "::/Größe ünd 漢字", "::/deleted"] {
        run(mtools("mmd", image).arg(directory));
    }
    let gaps: Vec<String> = (0..40)
        .map(|n| format!("/EFI/BOOT/a file that goes away {n}"))
        .collect();
    for (n, gap) in gaps.iter().enumerate() {
        put(gap, 1000);
        put(&format!("/EFI/STAYS{n}.BIN"), 600 + n);
    }
    for gap in &gaps {
        run(mtools("mdel", image).arg(format!("::{gap}")));
    }
    run(mtools("mrd", image).arg("::/deleted"));
    put("/config.txt", 12);
    put("/CMDLINE.TXT", 0);
    put("/Mixed.Txt", 513);
    put("/EFI/BOOT/bootx64.efi", 150_000);
    put(
        "/Größe ünd 漢字/☃ ein Name mit mehr als dreizehn Zeichen.txt",
        4097,
    );
    let gone = |at: &TreePath| gaps.iter().any(|gap| *at == path(gap));
    files.retain(|at, _| !gone(at));
    files
}

/// The files that mtools copies out of `image`.
fn copied(fixture: &Fixture, image: &Path) -> Found {
    let copy = tempfile::tempdir_in(fixture.folder.path()).unwrap();
    let mut mcopy = mtools("mcopy", image);
    run(mcopy.args(["-s", "-n", "-m", "::*"]).arg(copy.path()));
    let mut found = BTreeMap::new();
    collect(copy.path(), &TreePath::root(), &mut found);
    found
}

const MIB: u64 = 1 << 20;

#[test]
fn what_mkfs_and_mtools_made_is_read_and_written_in_the_same_shape() {
    let fixture = fixture();
    for (bits, len, arguments) in [
        (FatBits::Fat12, MIB, "-F 12 -n BOOT"),
        (FatBits::Fat12, 4 * MIB, "-F 12 -s 4 -r 112 -R 4 -f 1"),
        (FatBits::Fat16, 16 * MIB, "-F 16 -s 2 -i 1234abcd"),
        (FatBits::Fat16, 64 * MIB, "-F 16 -s 16 -S 1024 -n lower"),
        (FatBits::Fat16, 40 * MIB, "-F 16 -S 4096 -s 1 -g 255/63"),
        (FatBits::Fat32, 40 * MIB, "-F 32 -s 1 -n bootfs -h 8192"),
        (FatBits::Fat32, 64 * MIB, "-F 32 -s 1 -R 64 -f 1 -b 9"),
        (FatBits::Fat32, 72 * MIB, "-F 32 -s 2 -S 512"),
        (FatBits::Fat32, 140 * MIB, "-F 32 -S 2048 -s 1 -M 0xf0"),
    ] {
        let image = mkfs(&fixture, len, arguments);
        let files = fill(&fixture, &image);
        let (tree, volume) = read(&fixture, &image).unwrap();
        assert_eq!(volume.shape.bits(), bits, "{arguments}");
        let found = contents(&fixture, &tree);
        for (at, bytes) in &files {
            let (_, read) = found[at].as_ref().unwrap();
            assert!(read == bytes, "{at} differs: {arguments}");
        }
        assert!(found == copied(&fixture, &image), "{arguments}");
        let sealed = reseal(&tree, &volume).unwrap();
        let (free, cluster) = free(&image);
        assert_free(&image, &free, cluster);
        let again = fixture.folder.path().join("again.img");
        fixture.write(&sealed, &again);
        assert_clean(&again);
        assert_same(&fixture, &tree, &again);
        let (same_tree, same) = read(&fixture, &again).unwrap();
        assert_eq!(same, volume, "{arguments}");
        assert!(contents(&fixture, &same_tree) == found, "{arguments}");
        // The whole boot sector is the same, except for the part that depends on the free space.
        assert!(head(&image) == head(&again), "{arguments}");
    }
}

#[test]
fn a_fat32_of_too_few_clusters_is_one_as_for_linux() {
    let fixture = fixture();
    // mtools takes this one for a FAT16, so it must be empty.
    let image = mkfs(&fixture, 16 * MIB, "-F 32 -s 4");
    let (tree, volume) = read(&fixture, &image).unwrap();
    assert_eq!(volume.shape.bits(), FatBits::Fat32);
    assert_eq!(contents(&fixture, &tree), BTreeMap::new());
    let sealed = reseal(&tree, &volume).unwrap();
    sink::write(&sealed, &fixture.store, &image, Digest::Skip, &Silent).unwrap();
    let output = stdout(Command::new("fsck.fat").arg("-n").arg(&image));
    assert!(output.ends_with(": 0 files, 1/8152 clusters\n"), "{output}");
}

fn head(image: &Path) -> Vec<u8> {
    fs_err::read(image).unwrap()[..512].to_vec()
}

#[test]
fn label_and_id_are_those_that_blkid_and_mtools_show() {
    let fixture = fixture();
    for (arguments, label) in [
        ("-F 32 -n bootfs -i 1a2b3c4d", Some("bootfs")),
        ("-F 32 -i 1a2b3c4d", None),
    ] {
        let image = mkfs(&fixture, 40 * MIB, arguments);
        let (_, volume) = read(&fixture, &image).unwrap();
        assert_eq!(volume.label_text().as_deref(), label);
        let output = stdout(
            Command::new("blkid")
                .args(["-p", "-o", "export"])
                .arg(&image),
        );
        let uuid = format!("UUID={}", volume.uuid().unwrap());
        assert!(output.lines().any(|line| line == uuid), "{output}");
        let found = output.lines().find_map(|line| line.strip_prefix("LABEL="));
        assert_eq!(found, label, "{output}");
    }
}

#[test]
fn what_is_no_sound_fat_is_refused_by_name_and_number() {
    let fixture = fixture();
    let image = mkfs(&fixture, 4 * MIB, "-F 16 -s 1");
    fill(&fixture, &image);
    let sound = fs_err::read(&image).unwrap();
    let refused = |bytes: &[u8]| {
        fs_err::write(&image, bytes).unwrap();
        read(&fixture, &image).unwrap_err()
    };
    let short = refused(&sound[..sound.len() - 512]);
    assert!(
        matches!(
            short,
            ReadError::Corrupt(Corrupt::Cut {
                expected: 4194304,
                found: 4193792
            })
        ),
        "{short}"
    );
    let none = refused(&vec![0; 4096]);
    assert!(
        matches!(
            none,
            ReadError::Unsupported(Unsupported::Other { found: None })
        ),
        "{none}"
    );
    let mut ext4 = Command::new("mke2fs");
    run(ext4.args(["-q", "-F", "-t", "ext4"]).arg(&image).arg("4M"));
    let other = read(&fixture, &image).unwrap_err();
    let found = Some(Contents::Ext4);
    assert!(
        matches!(&other, ReadError::Unsupported(it) if *it == Unsupported::Other { found }),
        "{other}"
    );
    // The table begins in sector 1; the first directories and files have the first clusters.
    let with = |cluster: usize, next: u16| {
        let mut bytes = sound.clone();
        bytes[512 + 2 * cluster..][..2].copy_from_slice(&next.to_le_bytes());
        refused(&bytes).to_string()
    };
    for (next, expected) in [
        (
            2,
            "to 2, which belongs to it or to another file already; `fsck.fat` may repair it",
        ),
        (
            0,
            "to 0, which is a free one; clusters are 2 to 8096; `fsck.fat` may repair it",
        ),
        (
            0xfff7,
            "to 65527, which is a bad one; clusters are 2 to 8096; `fsck.fat` may repair it",
        ),
        (
            0x7fff,
            "to 32767, which is none; clusters are 2 to 8096; `fsck.fat` may repair it",
        ),
    ] {
        let refused = with(2, next);
        assert!(
            refused.starts_with("the FAT filesystem is corrupt: the chain of `/")
                && refused.ends_with(&format!("leads from cluster 2 {expected}")),
            "{refused}"
        );
    }
}
