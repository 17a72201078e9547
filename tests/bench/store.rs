//! The writer of imgbuild with what a build hands it: a tree, and content in a stored object, file
//! behind file as in a package's archive.

use super::ours;
use imgbuild::digest::Sha256;
use imgbuild::event::Silent;
use imgbuild::fs::ext4;
use imgbuild::sink::{self, Digest};
use imgbuild::tree::{Content, Kind, Objects, Piece, Slice, dump, parse_dump};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// As far apart as the members of a tar archive begin.
const ALIGNMENT: u64 = 512;

struct Packed(PathBuf);

impl Objects for Packed {
    fn open(&self, _digest: &Sha256) -> io::Result<fs_err::File> {
        fs_err::File::open(&self.0)
    }
}

/// Makes `store` of what is in `folder`.
pub(super) fn pack(folder: &Path, store: &Path) {
    let (mut tree, files) = ours::read(folder);
    fs_err::create_dir_all(store).unwrap();
    let object = Sha256::of(b"the only one");
    let mut packed = fs_err::File::create(store.join("object")).unwrap();
    let mut at = 0;
    for (_, id) in tree.walk() {
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
        *content = Content::from_pieces(pieces);
    }
    packed.flush().unwrap();
    fs_err::write(store.join("tree"), dump(&tree)).unwrap();
}

/// Writes what is in `store` into a filesystem of `len` bytes in the file `image`.
pub(super) fn write(store: &Path, image: &Path, len: u64) {
    let text = fs_err::read_to_string(store.join("tree")).unwrap();
    let tree = parse_dump(&text).unwrap();
    let sealed = ext4::seal(&tree, &ours::params(len)).unwrap();
    drop((text, tree));
    let objects = Packed(store.join("object"));
    sink::write(&sealed, &objects, image, Digest::Skip, &Silent).unwrap();
}
