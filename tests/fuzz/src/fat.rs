//! `fat`: FAT12, FAT16 and FAT32, as boot partitions are: boot sectors, tables, directories.
//!
//! Invariant: whatever stands on a device, opening and reading it ends without a panic, in memory of 24
//! times the device and 4 MiB, in bounded time. Where there is a tree, each name has an entry of 32
//! bytes on the device, every piece of a file lies on the device, no two files share a byte of it,
//! no byte of a file is free, reading it again gives the same tree; and our own writer makes it again, in
//! the shape that it had, or refuses it with an error. Every byte is named as a part of what is around it.
//!
//! Input: see `patch.rs`. There are no checksums to make right.

use super::limits::within;
use super::patch::{Base, Kind, Patched, SECTOR};
use imgbuild::digest::Sha256;
use imgbuild::disk::device::Device;
use imgbuild::fs::fat::read::Filesystem;
use imgbuild::fs::fat::reseal;
use imgbuild::tree::{Kind as NodeKind, Piece, Slice, Tree, dump};
use std::ops::Range;
use std::sync::LazyLock;

const OFFSET: u64 = 1 << 20;
/// How many bytes are asked for their owner.
const NAMED: u64 = 1000;
const LEAST_ENTRY: u64 = 32;

static BASES: LazyLock<[Base; 4]> = LazyLock::new(|| {
    [
        map("fat-12", include_bytes!("../bases/fat-12.zst")),
        map("fat-16", include_bytes!("../bases/fat-16.zst")),
        map("fat-4k", include_bytes!("../bases/fat-4k.zst")),
        map("fat-32", include_bytes!("../bases/fat-32.zst")),
    ]
});

pub fn run(input: &[u8]) {
    let kinds = [Kind::Boot, Kind::Table, Kind::Directory];
    if let Some(image) = Patched::new(&*BASES, &kinds, input) {
        judge(&image, image.thorough);
    }
}

/// Reads `image` and checks the tree; `thorough` reads it twice, writes it too, and asks what bytes are.
fn judge(image: &dyn Device, thorough: bool) {
    let len = usize::try_from(image.len()).expect("it lies in memory");
    let memory = len.saturating_mul(24) + (4 << 20);
    let place = Slice {
        object: Sha256([7; 32]),
        offset: OFFSET,
        len: image.len(),
    };
    let read = || {
        let filesystem = Filesystem::open(image)?;
        Ok((filesystem.tree(&place)?, filesystem.volume()?))
    };
    let (tree, volume) = match within(memory, read) {
        Ok(read) => read,
        Err(error) => {
            let error: imgbuild::fs::fat::read::ReadError = error;
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let taken = sound(&tree, &place);
    let free = within(memory, || Filesystem::open(image).and_then(|it| it.free()));
    let free = free.expect("the table lies on the device");
    unused(&free, taken, &place);
    if thorough {
        let (again, _) = read().expect("what was read once is read again");
        assert_eq!(dump(&again), dump(&tree));
        let _ = within(memory, || reseal(&tree, &volume));
        within(2 * memory, || name(image));
    }
}

/// Each byte has an owner, or is said to have none.
fn name(image: &dyn Device) {
    let filesystem = Filesystem::open(image).expect("what was opened once is opened again");
    let survey = filesystem
        .survey()
        .expect("what was read once is read again");
    for offset in (0..NAMED).map(|n| image.len() / NAMED * n + n * 7) {
        assert!(survey.spot(offset).range.contains(&offset), "at {offset}");
    }
}

/// Checks that the ascending spans `free` lie on the device, apart from those that are `taken`.
fn unused(free: &[Range<u64>], taken: Vec<(u64, u64)>, place: &Slice) {
    assert!(free.last().is_none_or(|span| span.end <= place.len));
    let free = free.iter();
    let mut spans: Vec<_> = free
        .map(|span| (place.offset + span.start, place.offset + span.end))
        .collect();
    assert!(spans.is_sorted());
    spans.extend(taken);
    spans.sort_unstable();
    let apart = spans.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    assert!(apart, "what belongs to a file is not free");
}

/// Checks the files, and gives the spans in which they lie.
fn sound(tree: &Tree, place: &Slice) -> Vec<(u64, u64)> {
    let nodes = tree.walk();
    assert!(
        nodes.len() as u64 <= place.len / LEAST_ENTRY,
        "each name has an entry"
    );
    let mut taken = Vec::new();
    for (path, id) in &nodes {
        let NodeKind::File(content) = &tree.node(*id).kind else {
            continue;
        };
        for piece in content.pieces() {
            let Piece::Stored(slice) = piece else {
                panic!("{path} lies on the device as a whole")
            };
            let within = place.offset..=place.offset + place.len;
            let end = slice.offset.checked_add(slice.len).expect("a slice ends");
            assert!(
                within.contains(&slice.offset) && within.contains(&end),
                "{path} lies on it"
            );
            taken.push((slice.offset, end));
        }
    }
    taken.sort_unstable();
    let apart = taken.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    assert!(apart, "each cluster has one owner");
    taken
}

/// A filesystem of mkfs.fat, and the places of its structures.
fn map(name: &'static str, packed: &[u8]) -> Base {
    let mut base = Base::unpack(name, packed);
    let number = |at: usize| usize::from(base.bytes[at]) | usize::from(base.bytes[at + 1]) << 8;
    let (size, reserved, n_tables) = (number(11), number(14), usize::from(base.bytes[16]));
    let table = if number(22) == 0 {
        number(36)
    } else {
        number(22)
    } * size;
    let first = reserved * size;
    let data = first + n_tables * table;
    base.span(Kind::Boot, 0, 96);
    base.span(Kind::Boot, 0, SECTOR);
    for copy in 0..n_tables {
        base.span(Kind::Table, first + copy * table, table.min(96));
        base.span(Kind::Table, first + copy * table, table);
    }
    let n_sectors = base.bytes.len() / SECTOR;
    for sector in data / SECTOR..n_sectors {
        if base.bytes[sector * SECTOR..][..SECTOR]
            .iter()
            .any(|byte| *byte != 0)
        {
            base.span(Kind::Directory, sector * SECTOR, SECTOR);
        }
    }
    base
}
