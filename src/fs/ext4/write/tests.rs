//! What can be tested without e2fsck: refusals, sizes, and that equal trees give equal images.

use super::*;
use crate::disk::image::Source;
use crate::epoch::Epoch;
use crate::tree::{Content, TreePath};

const EPOCH: Epoch = Epoch(1_757_663_741);

fn params() -> Params {
    Params::new(64 << 20, [1; 16], [2; 16], EPOCH)
}

fn node(kind: Kind) -> Node {
    Node::new(
        kind,
        Meta::root(0o644, Timestamp::default()),
        Origin::Builtin,
    )
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).unwrap()
}

fn tree(entries: impl IntoIterator<Item = (&'static str, Kind)>) -> Tree {
    let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
    for (at, kind) in entries {
        tree.insert(&path(at), node(kind)).unwrap();
    }
    tree
}

fn directory() -> Kind {
    Kind::Directory(BTreeMap::new())
}

fn small() -> Tree {
    tree([
        ("/d", directory()),
        ("/d/f", Kind::File(Content::inline(b"content"))),
        ("/l", Kind::Symlink(b"d/f".as_slice().into())),
    ])
}

#[test]
fn equal_trees_and_parameters_give_equal_images() {
    assert_eq!(seal(&small(), &params()), seal(&small(), &params()));
}

#[test]
fn every_parameter_changes_the_image() {
    let usual = seal(&small(), &params()).unwrap();
    let changes: [fn(&mut Params); 14] = [
        |params| params.len = 65 << 20,
        |params| params.uuid = [3; 16],
        |params| params.label = b"x".to_vec(),
        |params| params.hash_seed = [3; 16],
        |params| params.epoch = Epoch(EPOCH.0 + 1),
        |params| params.reserved_percent = 1,
        |params| params.grow_to = 1 << 41,
        |params| params.bytes_per_inode = 8192,
        |params| params.spare_inodes = 9000,
        |params| params.features.metadata_csum = false,
        |params| params.features.sixty_four_bit = false,
        |params| params.features.huge_file = false,
        |params| params.features.journal_blocks = Some(2000),
        |params| params.features.journal_blocks = None,
    ];
    for change in changes {
        let mut params = params();
        change(&mut params);
        assert_ne!(seal(&small(), &params).unwrap(), usual, "{params:?}");
    }
}

#[test]
fn a_measured_tree_fits_and_one_block_less_does_not_do() {
    let len = measure(&small(), &params()).unwrap();
    assert!(seal(&small(), &Params { len, ..params() }).is_ok());
    let shorter = Params {
        len: len - 4096,
        ..params()
    };
    let refused = Ext4Error::TooSmall {
        len: len - 4096,
        needed: len,
    };
    assert_eq!(seal(&small(), &shorter), Err(refused));
}

#[test]
fn content_is_neither_copied_nor_padded() {
    let bytes = vec![7; 5000];
    let tree = tree([("/f", Kind::File(Content::inline(&bytes)))]);
    let image = seal(&tree, &params()).unwrap();
    let of_file = image.regions().iter().filter(|region| region.len == 5000);
    let sources: Vec<_> = of_file.map(|region| region.source.clone()).collect();
    assert_eq!(sources, [Source::Bytes(bytes.into())]);
}

#[test]
fn what_ext4_cannot_hold_is_refused_by_name() {
    let at = path("/x");
    let symlink = |target: &[u8]| Kind::Symlink(target.into());
    let target = |len| Ext4Error::SymlinkTarget {
        path: at.clone(),
        len,
    };
    let number = |major, minor| Ext4Error::DeviceNumber {
        path: at.clone(),
        major,
        minor,
    };
    let (major, minor) = (4096, 0);
    let character = Kind::CharDevice { major, minor };
    let (major, minor) = (0, 1 << 20);
    let block = Kind::BlockDevice { major, minor };
    let too_large = Ext4Error::FileTooLarge {
        path: at.clone(),
        len: u64::MAX,
    };
    let huge = crate::tree::Slice {
        object: crate::digest::Sha256([0; 32]),
        offset: 0,
        len: u64::MAX,
    };
    for (kind, error) in [
        (symlink(b""), target(0)),
        (symlink(b"a\0b"), target(3)),
        (symlink(&[b'a'; 4096]), target(4096)),
        (character, number(4096, 0)),
        (block, number(0, 1 << 20)),
        (Kind::File(Content::Stored(huge)), too_large),
    ] {
        let tree = tree([("/x", kind)]);
        assert_eq!(seal(&tree, &params()), Err(error.clone()));
        assert_eq!(measure(&tree, &params()), Err(error));
    }
    let taken = tree([("/lost+found", Kind::Fifo)]);
    assert_eq!(measure(&taken, &params()), Err(Ext4Error::LostFound));
}

#[test]
fn a_directory_has_one_name_and_a_file_at_most_65000() {
    let mut twice = tree([("/d", directory()), ("/e", directory())]);
    let id = twice.at(&path("/d")).unwrap();
    twice.link(&path("/e/d"), id).unwrap();
    let refused = Ext4Error::LinkedDirectory { path: path("/e/d") };
    assert_eq!(measure(&twice, &params()), Err(refused));

    let mut many = tree([("/f", Kind::Fifo)]);
    let id = many.at(&path("/f")).unwrap();
    for i in 1..65_000 {
        many.link(&path(&format!("/f{i}")), id).unwrap();
    }
    assert!(measure(&many, &params()).is_ok());
    many.link(&path("/f0"), id).unwrap();
    let refused = Ext4Error::TooManyLinks {
        path: path("/f"),
        links: 65_001,
    };
    assert_eq!(measure(&many, &params()), Err(refused));
}

#[test]
fn attributes_without_a_place_are_refused() {
    let with = |name: &[u8], value: &[u8]| {
        let mut tree = tree([("/x", Kind::Fifo)]);
        let id = tree.at(&path("/x")).unwrap();
        tree.node_mut(id)
            .xattrs
            .insert(name.to_vec(), value.to_vec());
        match measure(&tree, &params()) {
            Err(Ext4Error::Xattr { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    };
    for name in [
        b"".as_slice(),
        b"user.",
        b"nothing",
        b"system.data",
        b"system.posix_acl_access2",
    ] {
        assert_eq!(
            with(name, b""),
            XattrError::Name {
                name: name.to_vec()
            }
        );
    }
    let long = [b"user.".as_slice(), &[b'n'; 256]].concat();
    assert_eq!(with(&long, b""), XattrError::Name { name: long.clone() });
    let name = b"security.x".to_vec();
    assert_eq!(
        with(&name, &[0; 4096]),
        XattrError::TooLarge { name, len: 4096 }
    );
    let name = b"system.posix_acl_access".to_vec();
    assert_eq!(with(&name, b"rwx"), XattrError::Acl { name, len: 3 });
}

#[test]
fn parameters_that_make_no_filesystem_are_refused() {
    let cases: [(fn(&mut Params), _); 7] = [
        (|params| params.len = 4097, Ext4Error::Length { len: 4097 }),
        (
            |params| params.len = 1 << 44,
            Ext4Error::Length { len: 1 << 44 },
        ),
        (
            |params| params.label = vec![b'x'; 17],
            Ext4Error::Label {
                label: vec![b'x'; 17],
            },
        ),
        (
            |params| params.reserved_percent = 51,
            Ext4Error::Reserved { percent: 51 },
        ),
        (
            |params| params.bytes_per_inode = 0,
            Ext4Error::InodeRatio { bytes: 0 },
        ),
        (
            |params| params.features.journal_blocks = Some(1023),
            Ext4Error::Journal { blocks: 1023 },
        ),
        (
            |params| params.spare_inodes = u32::MAX,
            Ext4Error::TooManyNodes,
        ),
    ];
    for (change, error) in cases {
        let mut params = params();
        change(&mut params);
        assert_eq!(seal(&small(), &params), Err(error));
    }
    let empty = Params { len: 0, ..params() };
    assert!(matches!(
        seal(&small(), &empty),
        Err(Ext4Error::TooSmall { len: 0, .. })
    ));
}

fn packed(name: &[u8], offset: u64, len: u64) -> Kind {
    let object = crate::digest::Sha256::of(name);
    Kind::File(Content::padded(crate::tree::Slice {
        object,
        offset,
        len,
    }))
}

#[test]
fn an_object_is_one_region_in_its_own_order_and_files_of_no_object_come_last() {
    let generated = b"generated".as_slice();
    let tree = tree([
        ("/a", Kind::File(Content::inline(generated))),
        ("/b", packed(b"second", 4096, 100)),
        ("/c", packed(b"first", 8192, 1)),
        ("/d", packed(b"first", 0, 8000)),
        ("/e", packed(b"second", 0, 4096)),
        ("/f", packed(b"first", 20_480, 1)), // behind a file that is not in the tree
        ("/g", Kind::File(Content::inline(b"also generated"))),
    ]);
    let image = seal(&tree, &params()).unwrap();
    let object = |name: &[u8], offset| Source::Object {
        object: crate::digest::Sha256::of(name),
        offset,
    };
    let regions = image.regions().iter();
    let first = |region: &&crate::disk::image::Region| region.source == object(b"second", 0);
    let mut regions = regions.skip_while(|region| !first(region));
    let mut next = |source, len| {
        let found = regions.next().unwrap();
        assert_eq!((&found.source, found.len), (&source, len));
        assert!(found.start.is_multiple_of(4096) || source == Source::Zeros);
    };
    next(object(b"second", 0), 8192);
    next(object(b"first", 0), 12_288);
    next(object(b"first", 20_480), 4096);
    next(Source::Bytes(generated.into()), 9);
    next(Source::Zeros, 4096 - 9);
    next(Source::Bytes((*b"also generated").into()), 14);
}

/// A store names objects by digests, which have nothing to do with the place of their data.
#[test]
fn the_digest_of_an_object_decides_no_place() {
    let place = |names: [&[u8]; 2]| {
        let [one, other] = names;
        let tree = tree([
            ("/a", packed(one, 0, 5000)),
            ("/b", packed(other, 0, 100)),
            ("/c", packed(one, 8192, 100)),
        ]);
        let image = seal(&tree, &params()).unwrap();
        let regions = image.regions().iter();
        let places = regions.filter_map(|region| match region.source {
            Source::Object { object, .. } => Some((object, region.start, region.len)),
            _ => None,
        });
        places.collect::<Vec<_>>()
    };
    let names = [b"1".as_slice(), b"2"];
    let [one, other] = names.map(crate::digest::Sha256::of);
    let places = place(names);
    let start = places[0].1;
    assert_eq!(
        places,
        [(one, start, 12_288), (other, start + 12_288, 4096)]
    );
    let swapped = place([names[1], names[0]]);
    assert_eq!(
        swapped,
        [(other, start, 12_288), (one, start + 12_288, 4096)]
    );
}

/// A sink can copy or reflink: data begins on a block, files follow each other in the order of their
/// object, and a gap, of which there are some in 3.6 GB, is where a group keeps its tables.
#[test]
fn data_of_files_is_aligned_and_contiguous_in_the_order_of_the_object() {
    let object = crate::digest::Sha256([0; 32]);
    let mut tree = tree([]);
    for i in 0..12 {
        let slice = crate::tree::Slice {
            object,
            offset: i << 40,
            len: (300 << 20) + 100 * i,
        };
        let file = node(Kind::File(Content::Stored(slice)));
        tree.insert(&path(&format!("/{i:02}")), file).unwrap();
    }
    let len = measure(&tree, &params()).unwrap();
    let image = seal(&tree, &Params { len, ..params() }).unwrap();
    let (mut expected, mut gaps, mut end) = (0, 0, None);
    for region in image.regions() {
        let Source::Object { offset, .. } = region.source else {
            continue;
        };
        assert!(region.start.is_multiple_of(4096));
        if offset & 0xff_ffff_ffff == 0 && offset > 0 {
            expected = offset;
        }
        assert_eq!(offset, expected);
        expected = offset + region.len;
        if end.is_some_and(|end| end != region.start) {
            gaps += 1;
            assert_eq!(
                end.unwrap() % (32_768 * 4096),
                0,
                "data goes on at {}",
                region.start
            );
        }
        end = Some(region.end().next_multiple_of(4096));
    }
    assert!((4..=8).contains(&gaps), "{gaps}");
}

/// `len` bytes at `start`, which lie in one region.
fn bytes(image: &Image, start: u64, len: usize) -> Vec<u8> {
    let holds =
        |region: &&crate::disk::image::Region| (region.start..region.end()).contains(&start);
    let region = image.regions().iter().find(holds).unwrap();
    match &region.source {
        Source::Bytes(bytes) => bytes[(start - region.start) as usize..][..len].to_vec(),
        other => panic!("{other:?}"),
    }
}

/// No oracle reads this copy: e2fsck does not use it if the journal has extents.
#[test]
fn the_superblock_has_a_copy_of_the_journals_extents() {
    let image = seal(&small(), &params()).unwrap();
    let table = bytes(&image, 4096 + 8, 4).try_into().unwrap();
    let journal = u64::from(u32::from_le_bytes(table)) * 4096 + 7 * 256;
    let i_block = bytes(&image, journal + 0x28, 60);
    assert_eq!(bytes(&image, 1024 + 0x10c, 60), i_block);
    let i_size: u32 = 8192 * 4096;
    let copied = [[0; 4], i_size.to_le_bytes()].concat();
    assert_eq!(bytes(&image, 1024 + 0x10c + 60, 8), copied);
}
