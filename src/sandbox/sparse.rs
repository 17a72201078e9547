//! Copies and compares files with holes, reading and writing only the parts that are not zero.
//!
//! Filesystems differ in where they keep holes, which must not decide the result: every [`BLOCK`]
//! of zeros is a hole. A part that the kernel knows to be a hole is not read.

use crate::tree::{Content, Objects, Piece};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// The number of bytes that are read at once, and the alignment of holes.
const BLOCK: u64 = 64 << 10;

/// A run of bytes of a file: this many in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Data(u64),
    Hole(u64),
}

/// Copies the data of `file`, which is `len` bytes long, and gives the runs of data and holes.
pub(super) fn copy(file: &fs_err::File, len: u64, target: &mut impl Write) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    let mut buffer = vec![0; to_usize(BLOCK)];
    let mut at = 0;
    while at < len {
        let data = next_data(file, at, len)? / BLOCK * BLOCK;
        if data > at {
            add(&mut runs, Run::Hole(data.min(len) - at));
            at = data;
            continue;
        }
        let block = &mut buffer[..to_usize(BLOCK.min(len - at))];
        file.file().read_exact_at(block, at)?;
        let n = block.len() as u64;
        if is_zero(block) {
            add(&mut runs, Run::Hole(n));
        } else {
            target.write_all(block)?;
            add(&mut runs, Run::Data(n));
        }
        at += n;
    }
    Ok(runs)
}

/// Whether `file` has the content `content`, whose length is the same.
pub(super) fn equal(
    file: &fs_err::File,
    content: &Content,
    objects: &dyn Objects,
) -> io::Result<bool> {
    let len = content.len();
    let mut at = 0;
    for piece in content.pieces() {
        let end = at + piece.len();
        let stored = match &piece {
            Piece::Stored(slice) => Some(objects.open(&slice.object)?),
            _ => None,
        };
        let start = at;
        while at < end {
            if matches!(piece, Piece::Hole(_)) {
                at = next_data(file, at, len)?.min(end);
            }
            let n = BLOCK.min(end - at);
            let mut old = vec![0; to_usize(n)];
            match (&piece, &stored) {
                (Piece::Stored(slice), Some(object)) => {
                    let offset = slice.offset + (at - start);
                    object.file().read_exact_at(&mut old, offset)?;
                }
                (Piece::Bytes(bytes), _) => {
                    old.copy_from_slice(&bytes[to_usize(at - start)..to_usize(at - start + n)]);
                }
                _ => {}
            }
            let mut new = vec![0; to_usize(n)];
            file.file().read_exact_at(&mut new, at)?;
            if old != new {
                return Ok(false);
            }
            at += n;
        }
    }
    Ok(true)
}

/// The offset of the first byte, from `at` on, that may not be zero; `len` if there is none. On a
/// filesystem without holes every byte counts as data.
fn next_data(file: &fs_err::File, at: u64, len: u64) -> io::Result<u64> {
    match rustix::fs::seek(file.file(), SeekFrom::Data(at)) {
        Ok(data) => Ok(data.min(len)),
        Err(Errno::NXIO) => Ok(len),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(at),
        Err(error) => Err(error.into()),
    }
}

fn add(runs: &mut Vec<Run>, run: Run) {
    match (runs.last_mut(), run) {
        (Some(Run::Data(before)), Run::Data(len)) | (Some(Run::Hole(before)), Run::Hole(len)) => {
            *before += len;
        }
        _ => runs.push(run),
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn to_usize(len: u64) -> usize {
    usize::try_from(len).expect("it is in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::generated::NoObjects;

    /// A file of `len` bytes with `x` at some places.
    fn file(len: u64, places: &[u64]) -> fs_err::File {
        let file = fs_err::File::from_parts(tempfile::tempfile().unwrap(), "x");
        file.set_len(len).unwrap();
        for place in places {
            file.file().write_all_at(b"x", *place).unwrap();
        }
        file
    }

    fn runs(file: &fs_err::File, len: u64) -> (Vec<Run>, Vec<u8>) {
        let mut data = Vec::new();
        (copy(file, len, &mut data).unwrap(), data)
    }

    #[test]
    fn holes_are_where_zeros_are() {
        let len = 3 * BLOCK + 5;
        let expected = [Run::Hole(BLOCK), Run::Data(BLOCK), Run::Hole(BLOCK + 5)];
        let sparse = file(len, &[BLOCK + 7]);
        let (found, data) = runs(&sparse, len);
        assert_eq!(
            (found.as_slice(), data.len() as u64),
            (&expected[..], BLOCK)
        );
        assert_eq!(data[7], b'x');
        // The same file with zeros that take room on the disk.
        let dense = file(0, &[]);
        let mut bytes = vec![0; to_usize(len)];
        bytes[to_usize(BLOCK + 7)] = b'x';
        dense.file().write_all_at(&bytes, 0).unwrap();
        assert_eq!(runs(&dense, len), (found, data));
        assert_eq!(runs(&file(1, &[0]), 1).0, [Run::Data(1)]);
        assert_eq!(runs(&file(0, &[]), 0).0, []);
    }

    #[test]
    fn a_huge_hole_costs_nothing() {
        let len = 200 << 30;
        let huge = file(len, &[len - 1]);
        let (found, data) = runs(&huge, len);
        assert_eq!(found, [Run::Hole(len - BLOCK), Run::Data(BLOCK)]);
        assert_eq!(data.len() as u64, BLOCK);
        let hole = |len| Piece::Hole(len);
        let last = Piece::Bytes((*b"x").into());
        let same = Content::from_pieces([hole(len - 1), last.clone()]);
        assert!(equal(&huge, &same, &NoObjects).unwrap());
        let other = Content::from_pieces([hole(len - 2), last, hole(1)]);
        assert!(!equal(&huge, &other, &NoObjects).unwrap());
    }
}
