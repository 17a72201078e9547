//! xz, Python's lzma, zstd and qemu-img read what the sinks write.

use super::{Fixture, fixture};
use crate::command::{run, stdout};
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Region, Source};
use imgbuild::event::Silent;
use imgbuild::listing;
use imgbuild::sink::{Filled, Format, Keep, Level, Output, Outputs, Written};
use imgbuild::store::Store;
use imgbuild::unfinished::Readers;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const PACKED: [Format; 3] = [Format::Xz, Format::Zstd, Format::Qcow2];

/// Bytes that are compressed quickly, and are not the same anywhere.
fn bytes(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = vec![b'x'; len];
    for word in bytes
        .chunks_mut(4096)
        .flat_map(|block| block.chunks_exact_mut(4).take(16))
    {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        word.copy_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// An image of long and short slices, of bytes, and of long and short zeros; and its raw bytes.
fn image(store: &Store) -> (Image, Vec<u8>) {
    let one = store.insert(&bytes(1, 11 << 20)).unwrap();
    let two = store.insert(&bytes(2, 300_000)).unwrap();
    let slice = |start, object, offset, len| Region {
        start,
        len,
        source: Source::Object { object, offset },
    };
    let mut regions = vec![
        Region::bytes(0, bytes(3, 512)),
        Region::bytes(MIB, bytes(4, (5 << 20) + 12)),
        slice(8 * MIB, one, 4096, 10 * MIB + 5),
        slice(20 * MIB, two, 0, 300_000),
    ];
    // Files of two packages, in turns.
    regions.extend((0..100).map(|n| {
        let object = if n % 3 == 0 { one } else { two };
        slice(21 * MIB + n * 65_536, object, n * 4096 % 200_000, 60_000)
    }));
    regions.push(Region::free(40 * MIB + 4096..50 * MIB));
    regions.push(Region::bytes(60 * MIB, bytes(5, 4096)));
    let image = Image::new(64 * MIB + 4096, regions).unwrap();
    let mut raw = vec![0; image.len() as usize];
    for region in image.regions() {
        let place = &mut raw[region.start as usize..region.end() as usize];
        match &region.source {
            Source::Bytes(bytes) => place.copy_from_slice(bytes),
            Source::Object { object, offset } => {
                let object = store.read(object).unwrap();
                place.copy_from_slice(&object[*offset as usize..][..place.len()]);
            }
            _ => {}
        }
    }
    (image, raw)
}

impl Fixture {
    fn output(&self, format: Format) -> PathBuf {
        self.folder.path().join(format!("x.{}", format.ending()))
    }

    fn fill(&self, image: &Image, formats: &[Format], level: Level, keep: Keep) -> Filled {
        let outputs = formats
            .iter()
            .map(|format| Output::create(&self.output(*format), *format, Readers::Anyone).unwrap());
        let outputs = Outputs::new(outputs.collect(), level);
        outputs.fill(image, &self.store, keep, &Silent).unwrap()
    }

    /// Writes the image as a session does.
    fn written(&self, image: &Image, formats: &[Format], level: Level) -> Written {
        let filled = self.fill(image, formats, level, Keep::Everything);
        filled.note(&self.store).unwrap();
        filled.finish(&Silent).unwrap()
    }

    /// The compressed spans that the store has of a stage: the names of their memos, and the objects.
    fn compressed(&self, stage: &str) -> Vec<(String, Sha256)> {
        let folder = self.store.root().join("memo").join(stage);
        let notes = listing::sorted(&folder).unwrap().into_iter();
        let notes = notes.map(|note| {
            let text = fs_err::read_to_string(folder.join(&note)).unwrap();
            let object = text.lines().next().unwrap().parse().unwrap();
            (note.into_string().unwrap(), object)
        });
        notes.collect()
    }

    /// Checks that another process gets the same xz stream, although not all compressed spans are of use.
    fn gives_again(&self, image: &Image, expected: &[u8]) {
        let store = Store::open(self.store.root()).unwrap();
        let path = self.output(Format::Xz);
        let output = Output::create(&path, Format::Xz, Readers::Anyone).unwrap();
        let filled = Outputs::from(output).fill(image, &store, Keep::Everything, &Silent);
        let filled = filled.unwrap();
        assert!(filled.has_new_blocks() && !filled.is_proven_by_digest());
        filled.note(&store).unwrap();
        filled.finish(&Silent).unwrap();
        assert!(fs_err::read(&path).unwrap() == expected);
    }

    /// Checks that `command` prints the raw image.
    fn prints(&self, command: &mut Command, raw: &[u8]) {
        let printed = run(command).stdout;
        assert!(printed == raw, "{command:?} prints something else");
    }
}

fn on(program: &str, arguments: &[&str], path: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(path);
    command
}

#[test]
fn xz_and_python_read_a_stream_of_many_blocks() {
    let fixture = fixture();
    let (image, raw) = image(&fixture.store);
    for level in [Level::Usual, Level::Highest] {
        fixture.written(&image, &[Format::Xz], level);
        let path = fixture.output(Format::Xz);
        run(&mut on("xz", &["-t"], &path));
        run(&mut on("xz", &["-T2", "-t"], &path));
        let list = stdout(&mut on("xz", &["--robot", "-lvv"], &path));
        let streams = list.lines().filter(|line| line.starts_with("stream\t"));
        assert_eq!(streams.count(), 1, "{list}");
        let blocks = list.lines().filter(|line| line.starts_with("block\t"));
        let blocks: Vec<Vec<&str>> = blocks.map(|line| line.split('\t').collect()).collect();
        assert!(blocks.len() > 10, "{list}");
        // The header of each block has both lengths; without these, xz decompresses on one thread.
        assert!(blocks.iter().all(|block| block[12] == "cu"), "{list}");
        fixture.prints(&mut on("xz", &["-dc"], &path), &raw);
        fixture.prints(&mut on("xz", &["-T2", "-dc"], &path), &raw);
        let script = "import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())";
        fixture.prints(&mut on("python3", &["-c", script], &path), &raw);
    }
}

#[test]
fn zstd_reads_frames_that_name_their_lengths() {
    let fixture = fixture();
    let (image, raw) = image(&fixture.store);
    for level in [Level::Usual, Level::Highest] {
        fixture.written(&image, &[Format::Zstd], level);
        let path = fixture.output(Format::Zstd);
        run(&mut on("zstd", &["-q", "-t"], &path));
        fixture.prints(&mut on("zstd", &["-q", "-dc"], &path), &raw);
        // zstd knows the length of the whole only if each frame has its own.
        let list = stdout(&mut on("zstd", &["-lv"], &path));
        let length = format!("({} B)", raw.len());
        let is_length =
            |line: &str| line.starts_with("Decompressed Size") && line.contains(&length);
        assert!(list.lines().any(is_length), "{list}");
        assert!(list.contains("XXH64"), "{list}");
    }
}

#[test]
fn qemu_reads_a_sparse_disk() {
    let fixture = fixture();
    let (image, raw) = image(&fixture.store);
    fixture.written(&image, &[Format::Raw, Format::Qcow2], Level::Usual);
    let [disk, plain] = [Format::Qcow2, Format::Raw].map(|format| fixture.output(format));
    run(&mut on("qemu-img", &["check", "-f", "qcow2"], &disk));
    run(on("qemu-img", &["compare", "-f", "raw", "-F", "qcow2"], &plain).arg(&disk));
    let len = fs_err::metadata(&disk).unwrap().len();
    assert!(len < 32 * MIB && raw.len() as u64 > 64 * MIB, "{len}");
    // This one has nothing, and an odd length.
    let empty = Image::new(3 * MIB + 100, Vec::new()).unwrap();
    fixture.written(&empty, &[Format::Qcow2], Level::Usual);
    run(&mut on("qemu-img", &["check", "-f", "qcow2"], &disk));
}

#[test]
fn outputs_that_are_written_together_have_the_bytes_that_each_has_alone() {
    let (all, alone) = (fixture(), fixture());
    let (image_of_all, raw) = image(&all.store);
    let (image, _) = image(&alone.store);
    let written = all.written(&image_of_all, &Format::ALL, Level::Usual);
    assert_eq!(written.sha256, Some(Sha256::of(&raw)));
    assert_eq!(written.files.len(), Format::ALL.len());
    assert!(fs_err::read(all.output(Format::Raw)).unwrap() == raw);
    for format in PACKED {
        let written = alone.written(&image, &[format], Level::Usual);
        assert_eq!(written.sha256, Some(Sha256::of(&raw)), "{format:?}");
        let [bytes, others] = [&alone, &all].map(|it| fs_err::read(it.output(format)).unwrap());
        assert!(bytes == others, "{format:?}");
        let content = Some((bytes.len() as u64, Sha256::of(&bytes)));
        assert_eq!(written.files[0].content, content, "{format:?}");
    }
}

#[test]
fn a_span_is_compressed_once_and_a_damaged_block_is_made_anew() {
    let fixture = fixture();
    let (image, raw) = image(&fixture.store);
    let formats = [Format::Xz, Format::Zstd];
    let first = fixture.fill(&image, &formats, Level::Usual, Keep::Everything);
    assert!(first.has_new_blocks());
    // Nothing is noted before the caller has verified what the image was made of.
    drop(first);
    let second = fixture.fill(&image, &formats, Level::Usual, Keep::Everything);
    assert!(second.has_new_blocks());
    second.note(&fixture.store).unwrap();
    second.finish(&Silent).unwrap();
    let before = formats.map(|format| fs_err::read(fixture.output(format)).unwrap());

    let third = fixture.fill(&image, &formats, Level::Usual, Keep::Everything);
    assert!(!third.has_new_blocks());
    assert_eq!(third.written.sha256, Some(Sha256::of(&raw)));
    third.finish(&Silent).unwrap();

    // Some blocks are damaged, some are cut, and some are gone.
    let blocks = fixture.compressed("xz-6-1");
    let objects: BTreeSet<Sha256> = blocks.iter().map(|(_, object)| *object).collect();
    assert!(objects.len() > 10);
    for (index, object) in objects.iter().enumerate() {
        let path = fixture.store.object_path(object);
        let whole = fs_err::read(&path).unwrap();
        fs_err::remove_file(&path).unwrap();
        match index % 4 {
            0 => fs_err::write(&path, "damaged").unwrap(),
            1 => fs_err::write(&path, &whole[..whole.len() - 1]).unwrap(),
            2 => {}
            _ => fs_err::write(&path, whole).unwrap(),
        }
    }
    fixture.gives_again(&image, &before[0]);
    // The memos lead to an object that is sound, and is no block.
    let blocks = fixture.compressed("xz-6-1");
    let other = fixture.store.insert(b"no block").unwrap();
    for (note, _) in &blocks {
        let key: Sha256 = note.parse().unwrap();
        fixture.store.set_memo("xz-6-1", &key, &other).unwrap();
    }
    fixture.gives_again(&image, &before[0]);
}

#[test]
fn two_builds_that_compress_the_same_spans_at_once_get_the_same_bytes() {
    let fixture = fixture();
    let (image, raw) = image(&fixture.store);
    let write = |name: &str| {
        let store = Store::open(fixture.store.root()).unwrap();
        let path = fixture.folder.path().join(name);
        let output = Output::create(&path, Format::Xz, Readers::Anyone).unwrap();
        let filled = Outputs::from(output).fill(&image, &store, Keep::Everything, &Silent);
        let filled = filled.unwrap();
        filled.note(&store).unwrap();
        assert!(store.take_lost().is_empty());
        filled.finish(&Silent).unwrap();
        fs_err::read(&path).unwrap()
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| write("one.img.xz"));
        let other = scope.spawn(|| write("other.img.xz"));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert!(one == other && one == write("third.img.xz"));
    let path = fixture.folder.path().join("third.img.xz");
    fixture.prints(&mut on("xz", &["-dc"], &path), &raw);
}

/// What is read beside the reading that gives the digest has to be proven by hashing the objects.
#[test]
fn the_digest_proves_an_output_only_if_every_byte_of_it_was_hashed() {
    use Format::{Qcow2, Raw, Xz};
    let cases: [(&[Format], bool); 6] = [
        (&[Raw], true),
        (&[Xz], true),
        (&[Qcow2, Xz], true),
        (&[Raw, Qcow2], false),
        (&[Raw, Raw], false),
        (&[Raw, Xz], false),
    ];
    let fixture = fixture();
    let (image, _) = image(&fixture.store);
    for (formats, expected) in cases {
        let filled = fixture.fill(&image, formats, Level::Usual, Keep::Everything);
        assert_eq!(filled.is_proven_by_digest(), expected, "{formats:?}");
    }
    let warm = |formats: &[Format]| {
        fixture
            .fill(&image, formats, Level::Usual, Keep::Everything)
            .is_proven_by_digest()
    };
    fixture.written(&image, &[Xz], Level::Usual);
    // Nothing is read but compressed spans, each of which is hashed; then a digest is known, and some spans are not.
    assert!(warm(&[Xz]) && warm(&[Raw, Xz]));
    assert!(!warm(&[Format::Zstd]));
}

#[test]
fn of_an_image_with_secrets_the_store_keeps_what_it_has_anyway() {
    let fixture = fixture();
    let secret = Image::new(MIB, vec![Region::bytes(0, bytes(9, 1 << 20))]).unwrap();
    let filled = fixture.fill(&secret, &[Format::Xz], Level::Usual, Keep::Objects);
    assert!(!filled.has_new_blocks());
    filled.note(&fixture.store).unwrap();
    filled.finish(&Silent).unwrap();
    for folder in ["objects", "memo"] {
        let names = listing::sorted(&fixture.store.root().join(folder)).unwrap();
        assert!(names.is_empty(), "{folder} has {names:?}");
    }
    let (image, _) = image(&fixture.store);
    let filled = fixture.fill(&image, &[Format::Xz], Level::Usual, Keep::Objects);
    assert!(filled.has_new_blocks());
    filled.note(&fixture.store).unwrap();
    assert!(!fixture.store.root().join("memo/image-of-spans-1").exists());
}

#[test]
fn images_that_share_objects_share_blocks() {
    let fixture = fixture();
    let (one, _) = image(&fixture.store);
    fixture.written(&one, &[Format::Xz], Level::Usual);
    // The other image has the long slice at another place, and one file more.
    let mut regions: Vec<Region> = one.slice(0..one.len(), 0);
    for region in &mut regions {
        region.start += 12 * MIB;
    }
    regions.push(Region::bytes(0, bytes(77, 5000)));
    let other = Image::new(one.len() + 12 * MIB, regions).unwrap();
    let n_notes = || {
        let folder = fixture.store.root().join("memo/xz-6-1");
        listing::sorted(&folder).unwrap().len()
    };
    let before = n_notes();
    fixture.written(&other, &[Format::Xz], Level::Usual);
    assert!(n_notes() - before <= 4, "{} are new", n_notes() - before);
    run(&mut on("xz", &["-t"], &fixture.output(Format::Xz)));
}
