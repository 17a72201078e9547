use super::*;
use crate::digest::Sha256;
use crate::disk::image::{Image, Source};
use crate::fs::fat::tests::{self, META};
use crate::fs::fat::{Params, seal};
use crate::units::Bytes;
use proptest::prelude::*;
use std::sync::OnceLock;

fn bytes(image: &Image) -> Vec<u8> {
    let mut disk = vec![0; usize::try_from(image.len()).unwrap()];
    for region in image.regions() {
        if let Source::Bytes(bytes) = &region.source {
            let at = usize::try_from(region.start).unwrap();
            disk[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
    disk
}

fn tree(files: &[(&str, Content)]) -> Tree {
    let mut tree = Tree::new(META);
    for (at, content) in files {
        let at = TreePath::parse(at.as_bytes()).unwrap();
        let (parent, _) = at.split_last().unwrap();
        tree.make_directories(&parent, META, &Origin::Base).unwrap();
        let node = Node::new(Kind::File(content.clone()), META, Origin::Base);
        tree.insert(&at, node).unwrap();
    }
    tree
}

fn params(len: Bytes, bits: FatBits) -> Params {
    Params {
        len,
        bits: Some(bits),
        ..tests::params(0)
    }
}

/// One filesystem of each width, with directories and chains.
fn sound() -> &'static [Vec<u8>; 3] {
    static SOUND: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    SOUND.get_or_init(|| {
        let text = |len: usize| Content::inline(&vec![b'x'; len]);
        let files = tree(&[
            ("/config.txt", text(12)),
            ("/a long name, 🎉 and all", text(3000)),
            ("/a/b/c/file", text(600)),
            ("/a/LARGE.BIN", text(40_000)),
        ]);
        [
            (1, FatBits::Fat12),
            (3, FatBits::Fat16),
            (33, FatBits::Fat32),
        ]
        .map(|(mib, bits)| bytes(&seal(&files, &params(Bytes::mib(mib), bits)).unwrap()))
    })
}

/// Where those have something else than zeros and file content.
fn used() -> &'static [Vec<usize>; 3] {
    static USED: OnceLock<[Vec<usize>; 3]> = OnceLock::new();
    USED.get_or_init(|| {
        let is_used = |(at, byte): (usize, &u8)| (!matches!(byte, 0 | b'x')).then_some(at);
        sound()
            .each_ref()
            .map(|disk| disk.iter().enumerate().filter_map(is_used).collect())
    })
}

fn place(len: usize) -> Slice {
    Slice {
        object: Sha256::of(b"disk"),
        offset: 1 << 20,
        len: len as u64,
    }
}

fn read(disk: &[u8]) -> Result<Tree, ReadError> {
    let filesystem = Filesystem::open(&disk)?;
    filesystem.volume()?;
    filesystem.tree(&place(disk.len()))
}

#[test]
fn files_are_pieces_of_the_disk() {
    for disk in sound() {
        let tree = read(disk).unwrap();
        let at = |at: &[u8]| tree.at(&TreePath::parse(at).unwrap()).unwrap();
        let Kind::File(content) = &tree.node(at("/a long name, 🎉 and all".as_bytes())).kind
        else {
            panic!("a file")
        };
        let Content::Stored(slice) = content else {
            panic!("{content:?}")
        };
        let start = usize::try_from(slice.offset - (1 << 20)).unwrap();
        assert_eq!(disk[start..start + 3000], [b'x'; 3000]);
        let node = tree.node(at(b"/a/b"));
        assert_eq!((node.meta, &node.origin), (META, &Origin::Base));
    }
}

#[test]
fn two_names_that_are_one_are_refused_by_both_sides() {
    let files = tree(&[
        ("/sub/ONE", Content::inline(b"")),
        ("/sub/TWO", Content::inline(b"")),
    ]);
    let mut disk = bytes(&seal(&files, &params(Bytes::MIB, FatBits::Fat12)).unwrap());
    let two = disk.windows(11).position(|name| name == b"TWO        ");
    let two = two.unwrap();
    disk[two..two + 3].copy_from_slice(b"ONE");
    let refused = read(&disk).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the FAT filesystem is corrupt: `/sub/ONE` is there twice; `fsck.fat` may repair it"
    );
}

#[test]
fn directories_in_directories_end_somewhere() {
    let deep = |n: usize| tree(&[(&format!("{}/f", "/d".repeat(n)), Content::inline(b""))]);
    let disk = |n| bytes(&seal(&deep(n), &params(Bytes::MIB, FatBits::Fat12)).unwrap());
    assert!(read(&disk(MAX_DEPTH)).is_ok());
    let refused = read(&disk(MAX_DEPTH + 1)).unwrap_err();
    assert!(
        matches!(
            &refused,
            ReadError::Unsupported(Unsupported::Depth { max: MAX_DEPTH, .. })
        ),
        "{refused}"
    );
}

#[test]
fn a_field_of_the_boot_sector_that_cannot_be_is_named() {
    for (at, value, expected) in [
        (
            12,
            3,
            "768 as sector size, expected 512, 1024, 2048 or 4096",
        ),
        (13, 3, "3 as sectors per cluster, expected a power of two"),
        (16, 3, "3 as number of tables, expected 1 or 2"),
        (
            17,
            1,
            "513 as entries of the root directory, expected whole sectors of them",
        ),
        (22, 1, "of its tables has 1 sectors, 2013 clusters need 6"),
    ] {
        let mut disk = sound()[0].clone();
        disk[at] = value;
        let sector: &[u8; 512] = disk[..512].try_into().unwrap();
        let refused = boot::parse(sector, disk.len() as u64).unwrap_err();
        assert!(refused.to_string().ends_with(expected), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_are_read_or_refused(
        width in 0_usize..3,
        changes in proptest::collection::vec((0_usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut disk = sound()[width].clone();
        // Boot sector, begin of the table, and what is not zero anywhere: directories above all.
        let used = &used()[width];
        let table = usize::from(disk[14]) * 512;
        for (kind, index, value) in changes {
            let at = match kind {
                0 => index.index(64),
                1 => table + index.index(256),
                _ => used[index.index(used.len())],
            };
            disk[at] = value;
        }
        let len = cut.map_or(disk.len(), |cut| cut.index(disk.len()));
        if let Ok(tree) = read(&disk[..len]) {
            let place = place(len);
            for (_, id) in tree.walk() {
                if let Kind::File(content) = &tree.node(id).kind {
                    for piece in content.pieces() {
                        let Piece::Stored(slice) = piece else { panic!("{piece:?}") };
                        prop_assert!(slice.offset >= place.offset);
                        prop_assert!(slice.offset + slice.len <= place.offset + place.len);
                    }
                }
            }
        }
    }
}
