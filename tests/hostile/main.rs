//! The inputs that fuzzing has found, and a few thousand more that are made of them, are given to the fuzz
//! targets. A defect that was found once thus stays found, without libFuzzer and within seconds.
//! `tests/fuzz/README.md` says what the targets check and for how long they were run.

#![expect(clippy::unwrap_used, reason = "a test panics with what it saw")]

#[expect(unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The number of inputs of each target's corpus that are replayed, evenly spread.
const REPLAYED: usize = 120;
/// The number of mutations of these that are tried.
const MUTATED: u64 = 120;
/// The length of the longest inputs of libFuzzer.
const MAX_LEN: usize = 4096;

/// Memory is counted for the whole process, so only one target runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), targets::$name::run);
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            let all: Vec<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(replayed.as_slice(), all);
        }
    };
}

targets! {
    superblock directory extent inode xattr inline journal image device fat mbr gpt packing tar deb
    control relation sources triggers openpgp release elf board profile overlay settings lock manifest configuration
    template kind
}

#[test]
fn checksums_of_the_images_are_made_as_mke2fs_makes_them() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for base in targets::ext4::bases() {
        base.check();
        assert!(base.spans.len() > 10, "{} has structures", base.name);
    }
}

/// If the images of a target were all refused at once, it would find nothing.
#[test]
fn images_are_read_before_they_are_changed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for base in targets::ext4::bases() {
        assert!(targets::ext4::is_read(base), "{} is sound", base.name);
    }
}

fn replay(name: &str, run: fn(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let corpus = corpus(&folder.join("corpus").join(format!("{name}.tar.zst")));
    assert!(!corpus.is_empty(), "{name} has a corpus");
    for (input, bytes) in regressions(&folder.join("regressions").join(name)) {
        judge(&input, &bytes, run);
    }
    let step = corpus.len().div_ceil(REPLAYED);
    for (input, bytes) in corpus.iter().step_by(step) {
        judge(input, bytes, run);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..MUTATED {
        let (from, bytes) = &corpus[random.below(corpus.len())];
        let (_, other) = &corpus[random.below(corpus.len())];
        let bytes = random.mutate(bytes.clone(), other);
        judge(&format!("mutation {number}, of {from}"), &bytes, run);
    }
}

/// Runs a target; if it panics, prints the input.
fn judge(input: &str, bytes: &[u8], run: fn(&[u8])) {
    struct Input<'a>(&'a str, &'a [u8]);
    #[expect(
        clippy::print_stderr,
        reason = "the input belongs to the message of the panic"
    )]
    impl Drop for Input<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("with {}: {}", self.0, self.1.escape_ascii());
            }
        }
    }
    let _input = Input(input, bytes);
    run(bytes);
}

/// The members of a packed corpus by name.
fn corpus(path: &Path) -> Vec<(String, Vec<u8>)> {
    let packed = fs_err::read(path).unwrap();
    let mut archive = tar::Archive::new(zstd::Decoder::new(packed.as_slice()).unwrap());
    let mut inputs = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        inputs.push((name, bytes));
    }
    inputs.retain(|(_, bytes)| !bytes.is_empty());
    inputs.sort();
    inputs
}

/// Inputs that broke an invariant in the past, named after the defect.
fn regressions(folder: &Path) -> Vec<(String, Vec<u8>)> {
    if !folder.exists() {
        return Vec::new();
    }
    let listed = imgbuild::listing::sorted(folder).unwrap();
    let read = |name: &std::ffi::OsString| {
        let bytes = fs_err::read(folder.join(name)).unwrap();
        (name.to_str().unwrap().to_owned(), bytes)
    };
    listed.iter().map(read).collect()
}

/// Numbers that only look random (xorshift), so that each run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// `bytes` with one to four changes: a bit, a byte, a boundary, a part lost, a part of `other`.
    fn mutate(&mut self, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let Some(byte) = bytes.get_mut(at) else {
                bytes.push(self.next().to_le_bytes()[0]);
                continue;
            };
            match self.below(5) {
                0 => *byte ^= 1 << self.below(8),
                1 => *byte = self.next().to_le_bytes()[0],
                2 => *byte = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                3 => drop(bytes.drain(at..(at + 1 + self.below(8)).min(bytes.len()))),
                _ => {
                    let from = self.below(other.len());
                    bytes.splice(at..at, other[from..].iter().take(32).copied());
                }
            }
        }
        bytes.truncate(MAX_LEN);
        bytes
    }
}
