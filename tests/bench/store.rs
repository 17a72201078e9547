//! The writer of imgbuild with the input of a build: a tree, and content in a stored object, in which the
//! files follow each other as in that of a package.

use super::ours;
use imgbuild::digest::Sha256;
use imgbuild::event::Silent;
use imgbuild::fs::ext4;
use imgbuild::sink::{self, Digest};
use imgbuild::tree::{ALIGNMENT, Content, Kind, Objects, Piece, Slice, Tree, dump, parse_dump};
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub(super) struct Packed(PathBuf);

impl Packed {
    pub(super) fn of(store: &Path) -> Self {
        Self(store.join("object"))
    }
}

impl Objects for Packed {
    fn open(&self, _digest: &Sha256) -> io::Result<fs_err::File> {
        fs_err::File::open(&self.0)
    }
}

/// Makes `store` from the contents of `folder`.
pub(super) fn pack(folder: &Path, store: &Path) {
    let (mut tree, files) = ours::read(folder);
    fs_err::create_dir_all(store).unwrap();
    let object = object();
    let mut packed = fs_err::File::create(store.join("object")).unwrap();
    let mut at = 0;
    let mut seen = BTreeSet::new();
    for (_, id) in tree.walk() {
        if !seen.insert(id) {
            continue; // a further name
        }
        let Kind::File(content) = &mut tree.node_mut(id).kind else {
            continue;
        };
        let mut pieces = Vec::new();
        for piece in content.pieces() {
            let Piece::Stored(slice) = piece else {
                pieces.push(piece);
                continue;
            };
            let mut file = files.open(&slice.object).unwrap();
            file.seek(SeekFrom::Start(slice.offset)).unwrap();
            packed.seek(SeekFrom::Start(at)).unwrap();
            io::copy(&mut file.take(slice.len), &mut packed).unwrap();
            pieces.push(Piece::Stored(Slice {
                object,
                offset: at,
                ..slice
            }));
            at = (at + slice.len).next_multiple_of(ALIGNMENT);
        }
        *content = match Content::from_pieces(pieces) {
            Content::Stored(slice) => Content::padded(slice),
            scattered => scattered,
        };
    }
    packed.set_len(at).unwrap();
    fs_err::write(store.join("tree"), dump(&tree)).unwrap();
}

/// The digest that stands for the only object.
pub(super) fn object() -> Sha256 {
    Sha256::of(b"the only one")
}

pub(super) fn tree(store: &Path) -> Tree {
    let text = fs_err::read_to_string(store.join("tree")).unwrap();
    parse_dump(&text).unwrap()
}

/// Writes the contents of `store` into a filesystem of `len` bytes in the file `image`; prints the processor
/// time of each step, and of how many regions the filesystem is.
pub(super) fn write(store: &Path, image: &Path, len: u64) {
    let tree = tree(store);
    let parsed = processor_seconds();
    let sealed = ext4::seal(&tree, &ours::params(len)).unwrap();
    drop(tree);
    let decided = processor_seconds();
    sink::write(&sealed, &Packed::of(store), image, Digest::Skip, &Silent).unwrap();
    println!(
        "parsing the tree {parsed:.2}, sealing {:.2}, writing {:.2}; {} regions",
        decided - parsed,
        processor_seconds() - decided,
        sealed.regions().len()
    );
}

/// The processor time of this process so far.
fn processor_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
