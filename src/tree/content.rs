//! The content of a file: bytes in memory, a slice of an object in the store, or several of these
//! with holes between them.

use crate::digest::Sha256;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// A place from which stored objects can be opened for reading. The store is one; tests use a map.
pub trait Objects: Sync {
    /// Opens object `digest`, whose content was verified when it was stored.
    ///
    /// # Errors
    ///
    /// The object is missing or cannot be opened.
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File>;
}

/// Keeps the object open that was opened last. That makes many short reads fast, because all files
/// of a package lie in one object.
pub struct LastOpen<'a> {
    objects: &'a dyn Objects,
    last: Mutex<Option<(Sha256, fs_err::File)>>,
}

impl<'a> LastOpen<'a> {
    /// Wraps `objects`; no object is open yet.
    pub fn new(objects: &'a dyn Objects) -> Self {
        let last = Mutex::default();
        Self { objects, last }
    }
}

impl Objects for LastOpen<'_> {
    fn open(&self, digest: &Sha256) -> io::Result<fs_err::File> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = last.as_ref().filter(|(open, _)| open == digest) {
            return file.try_clone();
        }
        let file = self.objects.open(digest)?;
        let given = file.try_clone()?;
        *last = Some((*digest, file));
        Ok(given)
    }
}

/// `len` bytes at `offset` of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The object.
    pub object: Sha256,
    /// First byte within it.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

/// A part of a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Bytes of a stored object.
    Stored(Slice),
    /// A run of this many zeros, which takes no room.
    Hole(u64),
}

impl Piece {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stored(slice) => slice.len,
            Self::Hole(len) => *len,
        }
    }

    /// Whether the piece has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `len` bytes of the piece that begin at `start`. Both must lie within the piece.
    pub fn part(&self, start: u64, len: u64) -> Self {
        match self {
            Self::Bytes(bytes) if len == bytes.len() as u64 => Self::Bytes(bytes.clone()),
            Self::Bytes(bytes) => {
                let index = |at: u64| usize::try_from(at).expect("it is in memory");
                Self::Bytes(bytes[index(start)..index(start + len)].into())
            }
            Self::Stored(slice) => Self::Stored(Slice {
                offset: slice.offset + start,
                len,
                ..*slice
            }),
            Self::Hole(_) => Self::Hole(len),
        }
    }
}

/// Files that were stored together begin at multiples of this many bytes of their object, with
/// zeros between them. It is the length of a block of the filesystems that imgbuild writes, so that
/// neighbours in the object can be neighbours on a disk, and be copied at once.
pub const ALIGNMENT: u64 = 4096;

/// Content of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory, for what imgbuild makes itself.
    Inline(Arc<[u8]>),
    /// Bytes of a stored object.
    Stored(Slice),
    /// Bytes of a stored object that are followed there by zeros, up to a length that is a multiple
    /// of [`ALIGNMENT`]: a member of a package, or a file that a script wrote. See
    /// [`Content::padded`].
    Padded(Slice),
    /// Several pieces in a row, none of them empty: a file of a base image, whose blocks may be
    /// scattered and may have holes between them.
    Pieces(Arc<[Piece]>),
}

impl Content {
    /// Holds a copy of `bytes`.
    pub fn inline(bytes: &[u8]) -> Self {
        Self::Inline(bytes.into())
    }

    /// The bytes `slice` of an object in which zeros follow, up to the next multiple of
    /// [`ALIGNMENT`] of its length. None need to follow if its length is such a multiple.
    pub fn padded(slice: Slice) -> Self {
        match slice.len % ALIGNMENT {
            0 => Self::Stored(slice),
            _ => Self::Padded(slice),
        }
    }

    /// Joins `pieces` into one content, in the simplest form that it has.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            match (joined.last_mut(), piece) {
                (Some(Piece::Hole(before)), Piece::Hole(len)) => *before += len,
                (Some(Piece::Stored(before)), Piece::Stored(slice))
                    if before.object == slice.object
                        && before.offset + before.len == slice.offset =>
                {
                    before.len += slice.len;
                }
                (_, piece) => joined.push(piece),
            }
        }
        match joined.as_mut_slice() {
            [] => Self::inline(b""),
            [Piece::Bytes(bytes)] => Self::Inline(bytes.clone()),
            [Piece::Stored(slice)] => Self::Stored(*slice),
            _ => Self::Pieces(joined.into()),
        }
    }

    /// The pieces of the content in order, none of them empty.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let (one, many) = match self {
            Self::Inline(bytes) => (Some(Piece::Bytes(bytes.clone())), [].as_slice()),
            Self::Stored(slice) | Self::Padded(slice) => {
                (Some(Piece::Stored(*slice)), [].as_slice())
            }
            Self::Pieces(pieces) => (None, &**pieces),
        };
        let one = one.into_iter().filter(|piece| !piece.is_empty());
        one.chain(many.iter().cloned())
    }

    /// The pieces of the content as a filesystem with blocks of [`ALIGNMENT`] lays them out: the
    /// last one has the zeros that are known to follow it in its object.
    pub fn padded_pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let padded = matches!(self, Self::Padded(_));
        self.pieces().map(move |piece| match piece {
            Piece::Stored(slice) if padded => Piece::Stored(Slice {
                len: slice.len.next_multiple_of(ALIGNMENT),
                ..slice
            }),
            piece => piece,
        })
    }

    /// The stored objects that hold its bytes. One object may come several times.
    pub fn objects(&self) -> impl Iterator<Item = Sha256> + '_ {
        self.pieces().filter_map(|piece| match piece {
            Piece::Stored(slice) => Some(slice.object),
            Piece::Bytes(_) | Piece::Hole(_) => None,
        })
    }

    /// Its first `len` bytes, or all if it is shorter.
    pub fn head(&self, len: u64) -> Self {
        self.range(0, len)
    }

    /// At most `len` bytes of it, from `start` on.
    pub fn range(&self, start: u64, len: u64) -> Self {
        let (mut at, end) = (0, start.saturating_add(len));
        Self::from_pieces(self.pieces().filter_map(|piece| {
            let (from, to) = (at, at + piece.len());
            at = to;
            let (first, last) = (from.max(start), to.min(end));
            (first < last).then(|| piece.part(first - from, last - first))
        }))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Stored(slice) | Self::Padded(slice) => slice.len,
            Self::Pieces(pieces) => pieces.iter().map(Piece::len).sum(),
        }
    }

    /// Whether the content has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the content as text. Bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    ///
    /// The same as those of [`Content::read`].
    pub fn text(&self, objects: &dyn Objects) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(objects)?).into_owned())
    }

    /// Reads all bytes into memory. This is for files that are parsed or patched, not for copying.
    /// A file of more than 1 GiB is refused, because a script or a base image can easily make a
    /// file that is one long hole.
    ///
    /// # Errors
    ///
    /// The content is longer than 1 GiB, or one of its objects cannot be read.
    pub fn read(&self, objects: &dyn Objects) -> io::Result<Arc<[u8]>> {
        const MOST: u64 = 1 << 30;
        if self.len() > MOST {
            let words = format!(
                "a file of {} bytes is read whole: at most {MOST}",
                self.len()
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        if let Self::Inline(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut bytes = Vec::new();
        for piece in self.pieces() {
            let from = bytes.len();
            let len = usize::try_from(piece.len()).map_err(io::Error::other)?;
            bytes.try_reserve(len).map_err(io::Error::other)?;
            match piece {
                Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
                Piece::Hole(_) => bytes.resize(from + len, 0),
                Piece::Stored(slice) => {
                    bytes.resize(from + len, 0);
                    let file = objects.open(&slice.object)?;
                    file.file()
                        .read_exact_at(&mut bytes[from..], slice.offset)?;
                }
            }
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(offset: u64, len: u64) -> Piece {
        let object = Sha256::of(b"object");
        Piece::Stored(Slice {
            object,
            offset,
            len,
        })
    }

    #[test]
    fn neighbours_become_one_piece() {
        let content = Content::from_pieces([slice(4, 2), Piece::Hole(0), slice(6, 3)]);
        assert_eq!(content.pieces().collect::<Vec<_>>(), [slice(4, 5)]);
        assert!(matches!(content, Content::Stored(_)));
        let holes = Content::from_pieces([Piece::Hole(2), Piece::Hole(3)]);
        assert_eq!(holes.pieces().collect::<Vec<_>>(), [Piece::Hole(5)]);
    }

    #[test]
    fn zeros_behind_a_file_are_no_part_of_it() {
        for (len, padded) in [(1, 4096), (4095, 4096), (4096, 4096), (4097, 8192)] {
            let Piece::Stored(bytes) = slice(8192, len) else {
                panic!("a slice");
            };
            let content = Content::padded(bytes);
            assert_eq!(content.len(), len);
            assert_eq!(content.pieces().collect::<Vec<_>>(), [slice(8192, len)]);
            let whole: Vec<_> = content.padded_pieces().collect();
            assert_eq!(whole, [slice(8192, padded)]);
            // What was cut out of a file is not known to have zeros behind it.
            let part: Vec<_> = content.range(0, 1).padded_pieces().collect();
            assert_eq!(part, [slice(8192, 1)]);
        }
        let inline = Content::inline(b"abc");
        assert!(inline.padded_pieces().eq(inline.pieces()));
    }

    #[test]
    fn a_range_cuts_pieces_at_both_ends() {
        let bytes = Piece::Bytes((*b"abc").into());
        let content = Content::from_pieces([slice(10, 4), Piece::Hole(4), bytes]);
        let middle: Vec<_> = content.range(3, 6).pieces().collect();
        let bytes = Piece::Bytes((*b"a").into());
        assert_eq!(middle, [slice(13, 1), Piece::Hole(4), bytes]);
        assert_eq!(content.head(2).pieces().collect::<Vec<_>>(), [slice(10, 2)]);
        assert!(content.range(11, 5).is_empty());
    }
}
