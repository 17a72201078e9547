use super::*;
use crate::digest::Sha256;
use crate::disk::image::{Region, Source};
use crate::event::{Event, Silent};
use crate::listing;
use crate::store::Store;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    Fixture { folder, store }
}

impl Fixture {
    fn output(&self) -> std::path::PathBuf {
        self.folder.path().join("x.img")
    }

    /// The names beside the store.
    fn names(&self) -> Vec<String> {
        let names = listing::sorted(self.folder.path()).unwrap();
        let names = names.into_iter().map(|name| name.into_string().unwrap());
        names.filter(|name| name != "store").collect()
    }

    fn write(&self, image: &Image) -> Result<Written, SinkError> {
        write(image, &self.store, &self.output(), Digest::Sha256, &Silent)
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// An image of all kinds of regions, and the bytes that it must become.
fn everything(store: &Store) -> (Image, Vec<u8>) {
    let content = noise(3 << 20);
    let object = store.insert(&content).unwrap();
    let slice = |start, offset, len| Region {
        start,
        len,
        source: Source::Object { object, offset },
    };
    let regions = vec![
        Region::bytes(0, b"boot".as_slice()),
        Region::bytes(512, content[..700].to_vec()),
        slice(4096, 5, 10_001),
        slice(1 << 20, 1, (2 << 20) + 3),
        Region::bytes((4 << 20) + 7, content[..(1 << 20) + 1].to_vec()),
        slice(6 << 20, 0, 300_000),
        slice((6 << 20) + 300_000, 7, 1000),
        Region::free(8 << 20..9 << 20),
        Region::free((9 << 20) + 100..(9 << 20) + 200),
    ];
    let image = Image::new((16 << 20) + 100, regions).unwrap();
    let mut bytes = vec![0; (16 << 20) + 100];
    for region in image.regions() {
        let place = &mut bytes[region.start as usize..region.end() as usize];
        match &region.source {
            Source::Zeros | Source::Free => {}
            Source::Bytes(source) => place.copy_from_slice(source),
            Source::Object { offset, .. } => {
                let offset = *offset as usize;
                place.copy_from_slice(&content[offset..offset + place.len()]);
            }
        }
    }
    (image, bytes)
}

#[test]
fn an_image_is_written_byte_for_byte_with_holes_and_hashed() {
    let fixture = fixture();
    let (image, bytes) = everything(&fixture.store);
    fs_err::write(fixture.output(), "what was there before").unwrap();
    let written = fixture.write(&image).unwrap();
    assert!(fs_err::read(fixture.output()).unwrap() == bytes);
    assert_eq!(written.len, image.len());
    assert_eq!(written.sha256, Some(Sha256::of(&bytes)));
    let blocks = fs_err::metadata(fixture.output()).unwrap().blocks();
    assert!(blocks * 512 < 6 << 20, "{blocks} blocks");
    assert_eq!(fixture.names(), ["x.img"]);
}

#[test]
fn with_and_without_digest_the_bytes_are_written_and_progress_adds_up_to_the_length() {
    struct Sum(Mutex<Vec<Event>>);
    impl Reporter for Sum {
        fn report(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }
    let fixture = fixture();
    let (image, bytes) = everything(&fixture.store);
    for digest in [Digest::Sha256, Digest::Skip] {
        let sum = Sum(Mutex::default());
        let written = write(&image, &fixture.store, &fixture.output(), digest, &sum).unwrap();
        assert_eq!(written.sha256.is_some(), digest == Digest::Sha256);
        assert!(fs_err::read(fixture.output()).unwrap() == bytes);
        let advanced = |event: &Event| match event {
            Event::Advanced { amount, .. } => *amount,
            _ => 0,
        };
        let events = sum.0.into_inner().unwrap();
        assert_eq!(events.iter().map(advanced).sum::<u64>(), image.len());
    }
}

#[test]
fn an_object_that_is_missing_or_short_is_named_and_nothing_is_left() {
    let fixture = fixture();
    let short = fixture.store.insert(b"short").unwrap();
    let missing = Sha256::of(b"missing");
    for (object, len, expected) in [
        (short, 6, "ends before byte 6"),
        (short, 1 << 20, "ends before byte 1048576"),
        (missing, 6, "cannot read object"),
    ] {
        let source = Source::Object { object, offset: 0 };
        let start = 0;
        let image = Image::new(len, vec![Region { start, len, source }]).unwrap();
        let refused = fixture.write(&image).unwrap_err().to_string();
        assert!(
            refused.contains(expected) && refused.contains(&object.to_string()),
            "{refused}"
        );
        assert!(fixture.names().is_empty());
    }
}

#[test]
fn an_output_that_is_no_file_is_refused_before_anything_is_written() {
    let fixture = fixture();
    let path = fixture.folder.path();
    use SinkError::{IsADirectory, NoFolder, NotAFile};
    let refused = |path: &Path| Output::create(path, Format::Raw, Readers::Anyone).unwrap_err();
    assert!(matches!(refused(&path.join("store")), IsADirectory(_)));
    assert!(matches!(refused(Path::new("/")), IsADirectory(_)));
    assert!(matches!(refused(Path::new("/dev/null")), NotAFile(_)));
    assert!(matches!(refused(&path.join("none/x.img")), NoFolder(_)));
}

#[test]
fn a_block_map_appears_with_its_image_and_says_what_was_written() {
    let fixture = fixture();
    let (image, bytes) = everything(&fixture.store);
    let map = fixture.folder.path().join("x.img.bmap");
    for digest in [Digest::Sha256, Digest::Skip] {
        let output = Output::create(&fixture.output(), Format::Raw, Readers::Owner).unwrap();
        let output = output.with_block_map(&map).unwrap();
        assert_eq!(output.partials().count(), 2);
        let filled = Outputs::from(output).fill_raw(&image, &fixture.store, digest, &Silent);
        let written = filled.unwrap().finish(&Silent).unwrap();
        assert_eq!(fixture.names(), ["x.img", "x.img.bmap"]);
        let found = written.block_map.unwrap();
        assert_eq!(fs_err::read_to_string(&map).unwrap(), found.to_xml());
        // What is free spans whole blocks only in the first of the two regions.
        let blocks: Vec<_> = found.ranges.iter().map(|it| it.blocks.clone()).collect();
        assert_eq!(blocks, [0..2048, 2304..4097]);
        for range in &found.ranges {
            let end = bytes.len().min(range.blocks.end as usize * 4096);
            let span = &bytes[range.blocks.start as usize * 4096..end];
            assert_eq!(range.sha256, Sha256::of(span));
        }
        for path in [&map, &fixture.output()] {
            assert_eq!(fs_err::metadata(path).unwrap().mode() & 0o777, 0o600);
        }
        fs_err::remove_file(&map).unwrap();
        fs_err::remove_file(fixture.output()).unwrap();
    }
}

#[test]
fn neither_image_nor_map_is_left_if_one_cannot_be_made() {
    let fixture = fixture();
    let output = || Output::create(&fixture.output(), Format::Raw, Readers::Anyone).unwrap();
    let folder = fixture.folder.path().join("store");
    assert!(output().with_block_map(&folder).is_err());
    assert!(fixture.names().is_empty());
    let object = Sha256::of(b"missing");
    let source = Source::Object { object, offset: 0 };
    let (start, len) = (0, 6);
    let image = Image::new(len, vec![Region { start, len, source }]).unwrap();
    let map = fixture.folder.path().join("x.img.bmap");
    let output = output().with_block_map(&map).unwrap();
    let filled = Outputs::from(output).fill(&image, &fixture.store, Keep::Everything, &Silent);
    assert!(filled.is_err());
    assert!(fixture.names().is_empty());
}

#[test]
fn an_abandoned_output_leaves_what_was_there() {
    let fixture = fixture();
    fs_err::write(fixture.output(), "before").unwrap();
    let one = Output::create(&fixture.output(), Format::Raw, Readers::Anyone).unwrap();
    let two = Output::create(&fixture.output(), Format::Raw, Readers::Anyone).unwrap();
    assert!(one.partials().ne(two.partials()));
    assert_eq!(fixture.names().len(), 3);
    drop((one, two));
    assert_eq!(fixture.names(), ["x.img"]);
    assert_eq!(fs_err::read(fixture.output()).unwrap(), b"before");
}
