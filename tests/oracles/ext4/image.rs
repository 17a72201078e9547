//! Writes images to sparse files and checks them with e2fsck. Free space holds what a card may have held before.

/// Checks that two versions of e2fsck find nothing to repair and make no remark.
pub(super) use crate::command::e2fsck as check;
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Source};
use imgbuild::epoch::Epoch;
use imgbuild::fs::ext4::{Features, Params, measure, seal};
use imgbuild::tree::{Content, Piece, Slice, Tree};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// The time at which all filesystems here were made.
pub(super) const EPOCH: u64 = 1_757_663_741;

/// Objects by digest. A missing object counts as zeros, for content that is never read.
#[derive(Debug, Default)]
pub(super) struct Objects(BTreeMap<Sha256, Vec<u8>>);

impl Objects {
    /// Stores `bytes` between other bytes, and gives them as a slice.
    pub(super) fn stored(&mut self, bytes: &[u8]) -> Content {
        let object = [b"before", bytes, b"after"].concat();
        let digest = Sha256::of(&object);
        self.0.insert(digest, object);
        let len = bytes.len() as u64;
        Content::Stored(Slice {
            object: digest,
            offset: 6,
            len,
        })
    }

    /// Stores `files` as those of a package: in one object, with zeros between them, and something
    /// behind them.
    pub(super) fn package(&mut self, files: &[Vec<u8>]) -> Vec<Content> {
        let mut object = Vec::new();
        let mut places = Vec::new();
        for file in files {
            places.push((object.len() as u64, file.len() as u64));
            object.extend_from_slice(file);
            object.resize(object.len().next_multiple_of(4096), 0);
        }
        object.extend(b"headers");
        let digest = Sha256::of(&object);
        self.0.insert(digest, object);
        let content = |(offset, len)| {
            Content::padded(Slice {
                object: digest,
                offset,
                len,
            })
        };
        places.into_iter().map(content).collect()
    }

    /// Stores `bytes`, and gives all of them as a slice.
    pub(super) fn whole(&mut self, bytes: Vec<u8>) -> Slice {
        let (object, len) = (Sha256::of(&bytes), bytes.len() as u64);
        self.0.insert(object, bytes);
        Slice {
            object,
            offset: 0,
            len,
        }
    }

    /// The bytes of `content`.
    pub(super) fn read(&self, content: &Content) -> Vec<u8> {
        let mut read = Vec::new();
        for piece in content.pieces() {
            match piece {
                Piece::Bytes(bytes) => read.extend_from_slice(&bytes),
                Piece::Stored(slice) => {
                    read.extend_from_slice(self.slice(&slice.object, slice.offset, slice.len));
                }
                Piece::Hole(len) => read.resize(read.len() + len as usize, 0),
            }
        }
        read
    }

    fn slice(&self, object: &Sha256, offset: u64, len: u64) -> &[u8] {
        &self.0[object][offset as usize..][..len as usize]
    }
}

pub(super) fn params(len: u64) -> Params {
    let seed = *b"\x51\x0f\xc3 hash seed \xff\x80";
    Params {
        label: b"rootfs".to_vec(),
        ..Params::new(len, *b"filesystem uuid!", seed, Epoch(EPOCH))
    }
}

/// Every combination of features that a board may ask for. `huge_file`, which is a mere flag, goes
/// with the checksums, as in Raspberry Pi OS.
pub(super) fn all_features() -> Vec<Features> {
    let mut all = Vec::new();
    for metadata_csum in [true, false] {
        for sixty_four_bit in [true, false] {
            for journal_blocks in [Some(1024), None] {
                all.push(Features {
                    metadata_csum,
                    sixty_four_bit,
                    huge_file: metadata_csum,
                    journal_blocks,
                });
            }
        }
    }
    all
}

/// Seals `tree` into the smallest filesystem that holds it, with `margin` bytes more.
pub(super) fn seal_with_margin(tree: &Tree, params: &Params, margin: u64) -> Image {
    let len = measure(tree, params).unwrap() + margin;
    seal(
        tree,
        &Params {
            len,
            ..params.clone()
        },
    )
    .unwrap()
}

/// What a card held before, in free space, which no reader may look at.
static DIRT: [u8; 1 << 20] = [0xa5; 1 << 20];

/// Writes dirt at the start and the end of the bytes `span` of `file`. In between is nothing that differs.
fn soil(file: &fs_err::File, span: std::ops::Range<u64>) {
    let n = (span.end - span.start).min(DIRT.len() as u64);
    let dirt = &DIRT[..n as usize];
    file.file().write_all_at(dirt, span.start).unwrap();
    file.file().write_all_at(dirt, span.end - n).unwrap();
}

/// An image in a sparse file of its own.
pub(super) struct Written {
    pub(super) path: PathBuf,
    _folder: TempDir,
}

impl Written {
    /// Writes `image`, with holes for zeros and [`DIRT`] in free space.
    pub(super) fn new(image: &Image, objects: &Objects) -> Self {
        Self::in_disk(image, objects, 0, image.len())
    }

    /// Writes `image` at `start` of a disk of `len` bytes.
    pub(super) fn in_disk(image: &Image, objects: &Objects, start: u64, len: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ext4");
        let file = fs_err::File::create(&path).unwrap();
        file.set_len(len).unwrap();
        for region in image.regions() {
            let bytes = match &region.source {
                Source::Free => {
                    soil(&file, start + region.start..start + region.end());
                    continue;
                }
                Source::Bytes(bytes) => bytes,
                Source::Object { object, offset } => match objects.0.contains_key(object) {
                    true => objects.slice(object, *offset, region.len),
                    false => continue,
                },
                Source::Zeros => continue,
            };
            assert_eq!(bytes.len() as u64, region.len);
            file.file()
                .write_all_at(bytes, start + region.start)
                .unwrap();
        }
        Self {
            path,
            _folder: folder,
        }
    }
}
