//! Sparse files: a hole takes no block, and the data is where it was.

use super::image::{Objects, Written, check, params, seal_with_margin};
use super::manifest::ask;
use super::{directory, meta, put};
use crate::uml::{self, Disk};
use imgbuild::fs::ext4::{Params, measure};
use imgbuild::tree::{Content, Kind, Piece, Tree};
use std::fmt::Write;

const GIB: u64 = 1 << 30;
const MB: u64 = 1_000_000;

/// Files with holes at the start, between and at the end, on and off the borders of blocks.
pub(super) fn sparse(tree: &mut Tree, objects: &mut Objects) {
    put(tree, b"/sparse", directory());
    let bytes: Vec<u8> = (0..20_000).map(|i: u32| (i % 241) as u8 + 1).collect();
    let mut stored = |len: usize| {
        Content::pieces(&objects.stored(&bytes[..len]))
            .next()
            .unwrap()
    };
    let (short, block, long) = (stored(100), stored(4096), stored(20_000));
    let inline = |len: usize| Piece::Bytes(bytes[..len].into());
    let hole = Piece::Hole;
    for (name, pieces) in [
        ("all", vec![hole(1 << 20)]),
        ("a-byte", vec![hole(1)]),
        ("start", vec![hole(8192), long.clone()]),
        ("start-off", vec![hole(8191), long.clone()]),
        ("middle", vec![block.clone(), hole(4096), block.clone()]),
        (
            "middle-off",
            vec![
                short.clone(),
                hole(9000),
                inline(77),
                hole(30_000),
                short.clone(),
            ],
        ),
        ("end", vec![block.clone(), hole(4096)]),
        ("end-off", vec![long.clone(), hole(12_345)]),
        (
            "within",
            vec![inline(10), hole(20), inline(30), hole(40), short.clone()],
        ),
        (
            "many",
            (0..2000)
                .flat_map(|_| [hole(4096), inline(1), hole(4095)])
                .collect(),
        ),
    ] {
        let content = Kind::File(Content::from_pieces(pieces));
        put(tree, format!("/sparse/{name}").as_bytes(), content);
    }
}

/// Four pieces of data in 20 GiB, in a filesystem of 300 MB: at the start, over a block's border,
/// after a run of holes that no single extent could cover, and the last byte.
#[test]
fn file_of_20_gib_that_is_nearly_all_holes_fits_into_300_mb() {
    let objects = Objects::default();
    let data = [
        (0, b"start".as_slice()),
        (4 * GIB - 3, b"border"),
        (17 * GIB + 4096, b"middle"),
        (20 * GIB - 1, b"!"),
    ];
    let mut pieces = Vec::new();
    let mut at = 0;
    for (start, bytes) in data {
        pieces.extend([Piece::Hole(start - at), Piece::Bytes(bytes.into())]);
        at = start + bytes.len() as u64;
    }
    assert_eq!(at, 20 * GIB);
    let mut tree = Tree::new(meta(0o755));
    put(
        &mut tree,
        b"/sparse",
        Kind::File(Content::from_pieces(pieces)),
    );
    let empty = Tree::new(meta(0o755));
    let params = Params {
        len: 300 * MB / 4096 * 4096,
        ..params(0)
    };
    let more = measure(&tree, &params).unwrap() - measure(&empty, &params).unwrap();
    // This allows five blocks of data, and one block for five extents, because the inode has room
    // for four.
    assert!(more <= 6 * 4096, "{more}");

    let image = imgbuild::fs::ext4::seal(&tree, &params).unwrap();
    let written = Written::new(&image, &objects);
    check(&written.path);
    let stat = ask(&written.path, "stat /sparse\n");
    assert!(
        stat.contains(&format!("Size: {}", 20 * GIB)) && stat.contains("Blockcount: 40"),
        "{stat}"
    );
    check_blocks(&written);
    check_kernel(&written, &data);
}

/// Checks that debugfs finds blocks where there is data, and nowhere else.
fn check_blocks(written: &Written) {
    let around = [
        0,
        1,
        GIB / 4096 * 4 - 1,
        GIB,
        17 * GIB / 4096,
        17 * GIB / 4096 + 1,
        20 * GIB / 4096 - 1,
    ];
    let questions: String = around
        .iter()
        .map(|block| format!("bmap /sparse {block}\n"))
        .collect();
    let answers = ask(&written.path, &questions);
    let is_there: Vec<_> = answers
        .lines()
        .filter(|line| !line.starts_with("debugfs"))
        .map(|line| line != "0")
        .collect();
    assert_eq!(is_there, [true, false, true, false, false, true, true]);
}

/// Checks that the kernel finds `data`, and that the file takes 20 KB.
fn check_kernel(written: &Written, data: &[(u64, &[u8])]) {
    let mut script =
        "mkdir at; mount -t ext4 -o ro,noload /dev/ubda at\nbusybox du -k at/sparse > size\n"
            .to_owned();
    for (i, (start, bytes)) in data.iter().enumerate() {
        let block = start / 4096;
        let count = bytes.len().div_ceil(4096) + 1;
        writeln!(
            script,
            "busybox dd if=at/sparse bs=4096 skip={block} count={count} of={i}"
        )
        .unwrap();
    }
    let left = uml::run(&script, &[Disk::ReadOnly(&written.path)]);
    assert!(left.file("size").starts_with(b"20\t"));
    for (i, (start, bytes)) in data.iter().enumerate() {
        let read = left.file(&i.to_string());
        let within = (start % 4096) as usize;
        assert_eq!(&read[within..within + bytes.len()], *bytes);
        assert!(read[..within].iter().all(|byte| *byte == 0));
    }
}

/// The file has more holes than one node of an extent tree has room for, so the tree has two
/// levels.
#[test]
fn file_of_a_thousand_holes_has_a_tree_of_extents() {
    let mut tree = Tree::new(meta(0o755));
    let block = Piece::Bytes(vec![b'x'; 4096].into());
    let pieces = (0..120_000).flat_map(|_| [block.clone(), Piece::Hole(4096)]);
    put(
        &mut tree,
        b"/holes",
        Kind::File(Content::from_pieces(pieces)),
    );
    let image = seal_with_margin(&tree, &params(0), 0);
    let written = Written::new(&image, &Objects::default());
    check(&written.path);
    let stat = ask(&written.path, "ex /holes\n");
    assert!(stat.contains("\n 2/ 2"), "{stat}");
    let answers = ask(&written.path, "bmap /holes 239998\nbmap /holes 239999\n");
    assert!(
        answers.ends_with("\n0\n") && !answers.contains("239998\n0\n"),
        "{answers}"
    );
}
