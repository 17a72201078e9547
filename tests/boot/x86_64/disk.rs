//! The disk of a PC, as people put an image on it: `dd` for a raw image, a copy for `.qcow2`, and bmaptool for `.img.xz`.

use crate::command::{resize, run};
use crate::support::{extract, flash, partitions};
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Command;

/// The length of the disk.
pub(super) const DISK: u64 = 8 << 30;
/// The byte of which a card is full that was in use.
const USED: u8 = 0xa5;
/// The number of bytes behind the image that were in use too. The root filesystem grows over them.
const BEHIND: u64 = 256 << 20;

/// Copies the packed image in the first argument to the card in the second one, by the block map in the third one.
/// `bmaptool copy` makes a regular file empty before it writes, so this calls its code, which is in modules of one of
/// two names.
const COPY: &str = "
import sys
try:
    from bmaptool import BmapCopy, TransRead
except ImportError:
    from bmaptools import BmapCopy, TransRead
image, card, block_map = sys.argv[1:]
source = TransRead.TransRead(image)
with open(card, 'r+b') as target, open(block_map) as block_map:
    BmapCopy.BmapCopy(source, target, block_map, source.size).copy()
";

/// QEMU's name of the format of a disk with `image`.
pub(super) fn format(image: &Path) -> &'static str {
    match ending(image) {
        "qcow2" => "qcow2",
        _ => "raw",
    }
}

/// Makes a disk of [`DISK`] bytes with `image` on it.
pub(super) fn write(image: &Path, disk: &Path) {
    match ending(image) {
        "qcow2" => {
            let mut copy = Command::new("cp");
            copy.args(["--sparse=always", "--no-preserve=mode"]);
            run(copy.args([image, disk]));
            let mut grow = Command::new("qemu-img");
            grow.args(["resize", "-q", "-f", "qcow2"]);
            run(grow.arg(disk).arg(DISK.to_string()));
        }
        "xz" => write_by_block_map(image, disk),
        _ => flash(image, disk, DISK),
    }
}

fn ending(image: &Path) -> &str {
    image
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
}

/// Has bmaptool write `image` to a disk that was in use, and the programs for filesystems check the result.
fn write_by_block_map(image: &Path, disk: &Path) {
    // The map of x.img.xz is x.img.bmap.
    let map = image.with_extension("bmap");
    let len = raw_len(&map);
    fs_err::File::create(disk).unwrap();
    use_up_to(disk, len);
    let mut python = Command::new("/usr/bin/python3");
    run(python.args(["-c", COPY]).args([image, disk, &map]));
    assert!(
        has_unwritten_block(disk, len),
        "bmaptool has written what is free"
    );
    // bmaptool makes a regular file as long as the image.
    use_up_to(disk, len + BEHIND);
    resize(disk, DISK);
    let partitions = partitions(disk);
    let [_, esp, root] = partitions[..] else {
        panic!("{partitions:?}");
    };
    for (partition, program, flags) in [
        (esp, "/usr/sbin/fsck.fat", "-n"),
        (root, "/usr/sbin/e2fsck", "-fn"),
    ] {
        let filesystem = disk.with_extension("filesystem");
        extract(disk, partition, &filesystem);
        run(Command::new(program).arg(flags).arg(&filesystem));
        fs_err::remove_file(filesystem).unwrap();
    }
}

/// Makes `disk` as long as `len`, with bytes of a card that was in use.
fn use_up_to(disk: &Path, len: u64) {
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.append(true).open(disk).unwrap();
    let missing = len - file.metadata().unwrap().len();
    std::io::copy(&mut std::io::repeat(USED).take(missing), &mut file).unwrap();
}

/// The length of the raw image, as its block map says.
fn raw_len(map: &Path) -> u64 {
    let map = fs_err::read_to_string(map).unwrap();
    let len = map
        .split_once("<ImageSize>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map(|(len, _)| len.trim());
    len.expect("a map says the length").parse().unwrap()
}

/// Whether a block in the first `len` bytes of `disk` still has what was there before the image.
fn has_unwritten_block(disk: &Path, len: u64) -> bool {
    let file = fs_err::File::open(disk).unwrap();
    let mut blocks = BufReader::with_capacity(1 << 20, file.take(len));
    let mut block = [0; 4096];
    while blocks.read_exact(&mut block).is_ok() {
        if block.iter().all(|byte| *byte == USED) {
            return true;
        }
    }
    false
}
