//! Whether two contents, or two ranges of two disks, have the same bytes. Both are read in parts, and holes that are
//! known to be holes are not read.

use crate::inspect::Image;
use crate::tree::{Content, Objects, Piece};
use std::io;
use std::os::unix::fs::FileExt;

/// The most bytes of one side that are in memory.
const PART: usize = 256 << 10;
static ZEROS: [u8; PART] = [0; PART];

/// A content with the place where its bytes are.
pub(super) type Stored<'a> = (&'a Content, &'a dyn Objects);

/// Whether `before` and `after`, which are equally long, have the same bytes.
///
/// # Errors
///
/// A part cannot be read.
pub(super) fn is_equal(before: Stored<'_>, after: Stored<'_>) -> io::Result<bool> {
    let (mut before, mut after) = (Pieces::new(before), Pieces::new(after));
    let (mut one, mut other) = (vec![0; PART], vec![0; PART]);
    while let (Some(left), Some(right)) = (before.left()?, after.left()?) {
        let both = left.min(right);
        if before.is_hole() && after.is_hole() {
            before.skip(both);
            after.skip(both);
            continue;
        }
        let len = usize::try_from(both).unwrap_or(PART).min(PART);
        if before.read(&mut one[..len])? != after.read(&mut other[..len])? {
            return Ok(false);
        }
    }
    Ok(before.left()? == after.left()?)
}

/// Reads the pieces of a content one after the other.
struct Pieces<'a> {
    objects: &'a dyn Objects,
    pieces: Box<dyn Iterator<Item = Piece> + 'a>,
    current: Option<(Piece, Option<fs_err::File>)>,
    /// How much of the current piece was read.
    at: u64,
}

impl<'a> Pieces<'a> {
    fn new((content, objects): Stored<'a>) -> Self {
        Self {
            objects,
            pieces: Box::new(content.pieces()),
            current: None,
            at: 0,
        }
    }

    /// The number of bytes that are left in the current piece; `None` at the end.
    fn left(&mut self) -> io::Result<Option<u64>> {
        if self
            .current
            .as_ref()
            .is_none_or(|(piece, _)| piece.len() == self.at)
        {
            self.at = 0;
            self.current = match self.pieces.next() {
                Some(Piece::Stored(slice)) => {
                    let file = self.objects.open(&slice.object)?;
                    Some((Piece::Stored(slice), Some(file)))
                }
                piece => piece.map(|piece| (piece, None)),
            };
        }
        Ok(self
            .current
            .as_ref()
            .map(|(piece, _)| piece.len() - self.at))
    }

    fn is_hole(&self) -> bool {
        matches!(self.current, Some((Piece::Hole(_), _)))
    }

    fn skip(&mut self, len: u64) {
        self.at += len;
    }

    /// The next bytes of the current piece, as many as `into` has room for, which the piece must have.
    fn read<'b>(&mut self, into: &'b mut [u8]) -> io::Result<&'b [u8]> {
        match &self.current {
            Some((Piece::Stored(slice), Some(file))) => {
                file.file().read_exact_at(into, slice.offset + self.at)?;
            }
            Some((Piece::Bytes(bytes), _)) => {
                let start = usize::try_from(self.at).map_err(io::Error::other)?;
                into.copy_from_slice(&bytes[start..start + into.len()]);
            }
            _ => into.fill(0),
        }
        self.at += into.len() as u64;
        Ok(into)
    }
}

/// The first byte, counted from the starts, in which `len` bytes of two images differ.
///
/// # Errors
///
/// A disk cannot be read.
pub(super) fn first_difference(
    (before, start_before): (&Image, u64),
    (after, start_after): (&Image, u64),
    len: u64,
) -> io::Result<Option<u64>> {
    let (mut one, mut other) = (vec![0; PART], vec![0; PART]);
    let mut at = 0;
    while at < len {
        let data_before = before.data_from(start_before + at)? - start_before;
        let data_after = after.data_from(start_after + at)? - start_after;
        let (data_before, data_after) = (data_before.min(len), data_after.min(len));
        let skipped = data_before.min(data_after);
        if skipped > at {
            at = skipped;
            continue;
        }
        let part = usize::try_from(len - at).unwrap_or(PART).min(PART);
        let one = read(before, start_before, at, data_before, &mut one[..part])?;
        let other = read(after, start_after, at, data_after, &mut other[..part])?;
        if one != other {
            let same = one
                .iter()
                .zip(other)
                .take_while(|(one, other)| one == other);
            return Ok(Some(at + same.count() as u64));
        }
        at += part as u64;
    }
    Ok(None)
}

/// The bytes of `image` at `start + at`, of which those before `data` are a hole.
fn read<'b>(
    image: &Image,
    start: u64,
    at: u64,
    data: u64,
    into: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    if data >= at + into.len() as u64 {
        return Ok(&ZEROS[..into.len()]);
    }
    image.device().read_at(start + at, into)?;
    Ok(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::tree::Slice;
    use proptest::prelude::*;

    /// A file with these bytes is the object of every content.
    struct One(fs_err::File);

    impl Objects for One {
        fn open(&self, _: &Sha256) -> io::Result<fs_err::File> {
            self.0.try_clone()
        }
    }

    fn one(bytes: &[u8]) -> (tempfile::TempDir, One) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object");
        fs_err::write(&path, bytes).unwrap();
        let file = fs_err::File::open(path).unwrap();
        (folder, One(file))
    }

    fn stored(offset: u64, len: u64) -> Piece {
        Piece::Stored(Slice {
            object: Sha256([0; 32]),
            offset,
            len,
        })
    }

    /// `bytes` as pieces of one file with these bytes, cut at `cuts`. Zeros are holes if `holes` says so.
    fn cut(bytes: &[u8], cuts: &[usize], holes: bool) -> Content {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut start = 0;
        let pieces = ends.into_iter().enumerate().map(|(index, end)| {
            let part = &bytes[start..end];
            let piece = match index % 2 {
                _ if holes && part.iter().all(|byte| *byte == 0) => Piece::Hole(part.len() as u64),
                0 => stored(start as u64, part.len() as u64),
                _ => Piece::Bytes(part.into()),
            };
            start = end;
            piece
        });
        Content::from_pieces(pieces.collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn contents_are_equal_if_their_bytes_are_however_they_are_cut(
            bytes in prop::collection::vec(0_u8..2, 0..40),
            cuts in prop::collection::vec(any::<usize>(), 0..6),
            others in prop::collection::vec(any::<usize>(), 0..6),
            flipped in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut changed = bytes.clone();
            if let Some(index) = flipped.filter(|_| !bytes.is_empty()) {
                changed[index.index(bytes.len())] ^= 1;
            }
            let (_first, before) = one(&bytes);
            let (_second, after) = one(&changed);
            let (content, other) = (cut(&bytes, &cuts, true), cut(&changed, &others, false));
            let equal = is_equal((&content, &before), (&other, &after)).unwrap();
            prop_assert_eq!(equal, bytes == changed);
        }
    }

    #[test]
    fn long_holes_are_not_read() {
        let (_folder, objects) = one(b"x");
        let huge =
            |end| Content::from_pieces([Piece::Hole(1 << 60), stored(0, 1), Piece::Hole(end)]);
        let (content, other) = (huge(1 << 59), huge(1 << 59));
        assert!(is_equal((&content, &objects), (&other, &objects)).unwrap());
        assert!(!is_equal((&content, &objects), (&huge(5), &objects)).unwrap());
    }
}
