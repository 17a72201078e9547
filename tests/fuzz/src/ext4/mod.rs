//! ext4 images, and the checks of each; each target has a file of its own.

mod atlas;
mod checksum;
mod log;

use super::limits::within;
use super::patch::{Base, Kind, Patched};
use imgbuild::digest::Sha256;
use imgbuild::disk::device::Device;
use imgbuild::epoch::Epoch;
use imgbuild::fs::ext4::read::Filesystem;
use imgbuild::fs::ext4::{Params, seal};
use imgbuild::tree::dump;
use imgbuild::tree::{Kind as NodeKind, Piece, Slice, Tree};
use std::sync::LazyLock;

/// The allowed memory for each byte of the device, and for a device of any size: 255 names of one inode fit
/// into a block, a node takes about 200 bytes, and a log that is replayed is in memory.
const MEMORY_PER_BYTE: usize = 24;
const MEMORY: usize = 4 << 20;
/// The number of bytes of the device for each name: an entry of a directory has at least 12.
const LEAST_ENTRY: u64 = 12;
/// The length of the filesystem to which a tree is written.
const WRITTEN: u64 = 64 << 20;
/// The memory that the writer may take for its tables.
const WRITER: usize = 64 << 20;
/// How many bytes are asked for their owner.
const NAMED: u64 = 1000;
/// The offset of the device in the object of which the files become slices.
const OFFSET: u64 = 4096;

macro_rules! base {
    ($name:literal) => {{
        let mut base = Base::unpack(
            $name,
            include_bytes!(concat!("../../bases/", $name, ".zst")),
        );
        atlas::map(&mut base);
        base
    }};
}

/// Filesystems as mke2fs makes them, each with features that others do not have.
static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    vec![
        base!("ext4-plain"),
        base!("ext4-old"),
        base!("ext4-groupsum"),
        base!("ext4-inline"),
        base!("ext4-metabg"),
        base!("ext4-super2"),
        base!("ext4-bigalloc"),
        base!("ext4-pages"),
        base!("ext4-deep"),
        base!("ext4-indirect"),
        base!("log-checked"),
        base!("log-plain"),
        base!("log-v2"),
        base!("log-orphans"),
    ]
});

/// The images that are patched.
pub fn bases() -> &'static [Base] {
    &BASES
}

/// Whether the reader finds a tree in the unchanged image.
pub fn is_read(base: &Base) -> bool {
    let place = Slice {
        object: Sha256([7; 32]),
        offset: OFFSET,
        len: base.bytes.len() as u64,
    };
    let device = base.bytes.as_slice();
    Filesystem::open(&device).is_ok_and(|filesystem| filesystem.tree(&place).is_ok())
}

/// Reads the result of `input` for an image in which it changes structures of `kinds`.
pub fn run(kinds: &[Kind], input: &[u8]) {
    if let Some(image) = Patched::new(&BASES, kinds, input) {
        judge(&image, image.thorough);
    }
}

/// As [`run`], with images that have a log to replay.
pub fn run_log(kinds: &[Kind], input: &[u8]) {
    if let Some(image) = Patched::new(&BASES[10..], kinds, input) {
        judge(&image, image.thorough);
    }
}

/// Reads `image` and checks the tree; `thorough` reads it twice, writes it too, and asks what bytes are.
pub fn judge(image: &dyn Device, thorough: bool) {
    let len = usize::try_from(image.len()).expect("it lies in memory");
    let memory = len.saturating_mul(MEMORY_PER_BYTE) + MEMORY;
    let place = Slice {
        object: Sha256([7; 32]),
        offset: OFFSET,
        len: image.len(),
    };
    let read = || Filesystem::open(image)?.tree(&place);
    let tree = match within(memory, read) {
        Ok(tree) => tree,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    sound(&tree, &place);
    let free = within(memory, || Filesystem::open(image).and_then(|it| it.free()));
    let free = free.expect("the bitmaps lie on the device");
    let ascends = free.windows(2).all(|pair| pair[0].end < pair[1].start);
    assert!(ascends && free.last().is_none_or(|span| span.end <= image.len()));
    if thorough {
        let again = read().expect("what was read once is read again");
        assert_eq!(dump(&again), dump(&tree));
        within(memory + WRITER, || write(image, &tree));
        within(2 * memory, || name(image));
    }
}

/// If the owners of bytes can be found, each byte has one.
fn name(image: &dyn Device) {
    let filesystem = Filesystem::open(image).expect("what was opened once is opened again");
    let Ok(survey) = filesystem.survey() else {
        return;
    };
    for offset in (0..NAMED).map(|n| image.len() / NAMED * n + n * 7) {
        assert!(survey.spot(offset).range.contains(&offset), "at {offset}");
    }
}

fn sound(tree: &Tree, place: &Slice) {
    let nodes = tree.walk();
    assert!(
        nodes.len() as u64 <= place.len / LEAST_ENTRY,
        "each name has an entry"
    );
    for (path, id) in &nodes {
        let node = tree.node(*id);
        assert!(node.meta.mode <= 0o7777);
        let NodeKind::File(content) = &node.kind else {
            continue;
        };
        let mut len = 0_u64;
        for piece in content.pieces() {
            len = len.checked_add(piece.len()).expect("a length fits 64 bits");
            if let Piece::Stored(slice) = piece {
                let end = slice.offset.checked_add(slice.len).expect("a slice ends");
                let within = place.offset..=place.offset + place.len;
                assert!(slice.object == place.object && within.contains(&slice.offset));
                assert!(within.contains(&end), "{path} lies on the device");
            }
        }
        assert_eq!(len, content.len());
    }
    assert!(tree.link_counts().len() <= nodes.len() + 1);
}

/// The tree can be written, to a filesystem like the one that it is from, or is refused with an error.
fn write(image: &dyn Device, tree: &Tree) {
    let base = Filesystem::open(image).expect("what was opened once is opened again");
    let Ok((params, _)) = Params::like(&base, WRITTEN, Epoch(1_700_000_000)) else {
        return;
    };
    if let Ok(written) = seal(tree, &params) {
        assert_eq!(written.len(), WRITTEN);
    }
}
