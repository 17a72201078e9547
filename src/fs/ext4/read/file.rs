//! The content of a file: its runs, as a device or as pieces of a stored object.

use super::claims::Claims;
use super::error::{Corrupt, ReadError};
use super::extent::{self, Run};
use super::indirect;
use super::inode::Inode;
use super::patched::Patched;
use super::place::Place;
use super::superblock::Superblock;
use crate::disk::device::Device;
use crate::fs::ext4::format::extent::FILE_BLOCKS;
use crate::tree::{Content, Piece, Slice};
use std::io;
use std::ops::Range;

/// The runs of `inode` in the order of the file, all within the filesystem and claimed. It is not
/// inline.
pub(super) fn runs(
    inode: &Inode,
    device: &Patched<'_>,
    superblock: &Superblock,
    claims: &mut Claims,
) -> Result<Vec<Run>, ReadError> {
    let runs = match inode.has_extents() {
        true => extent::runs,
        false => indirect::runs,
    };
    runs(inode, device, superblock, claims)
}

/// Refuses `runs` that do not hold the first `n_blocks` blocks of inode `ino`, which is `what`.
pub(super) fn check_whole(
    ino: u32,
    runs: &[Run],
    n_blocks: u64,
    what: &'static str,
) -> Result<(), Corrupt> {
    let mut block = 0;
    for run in runs {
        if run.file_block > block || !run.is_written {
            break;
        }
        block = run.file_block + run.len;
    }
    if block >= n_blocks {
        return Ok(());
    }
    Err(Corrupt::Hole { ino, block, what })
}

/// Refuses a length that no file can have.
pub(super) fn check_size(inode: &Inode, block_size: u64) -> Result<(), Corrupt> {
    match inode.size <= FILE_BLOCKS * block_size {
        true => Ok(()),
        false => Err(Place::Inode(inode.ino).unfit("i_size", inode.size, "at most 2^32 blocks")),
    }
}

/// The content of the regular file `inode` in `runs`: slices of `place`, the stored object that the
/// device is, except for blocks that the journal changes.
pub(super) fn content(
    inode: &Inode,
    runs: &[Run],
    superblock: &Superblock,
    device: &Patched<'_>,
    place: &Slice,
) -> Result<Content, ReadError> {
    let block_size = u64::from(superblock.block_size);
    check_size(inode, block_size)?;
    let mut pieces = Vec::new();
    let mut at = 0;
    for run in runs.iter().filter(|run| run.is_written) {
        let start = run.file_block * block_size;
        let end = inode.size.min((run.file_block + run.len) * block_size);
        if start >= end {
            break;
        }
        pieces.push(Piece::Hole(start - at));
        let first = run.start * block_size;
        add_stored(
            &mut pieces,
            first..first + (end - start),
            block_size,
            device,
            place,
        );
        at = end;
    }
    pieces.push(Piece::Hole(inode.size - at));
    Ok(Content::from_pieces(pieces))
}

/// Adds the `bytes` of the device, with changed blocks as bytes in memory.
fn add_stored(
    pieces: &mut Vec<Piece>,
    bytes: Range<u64>,
    block_size: u64,
    device: &Patched<'_>,
    place: &Slice,
) {
    let stored = |from: u64, to: u64| {
        Piece::Stored(Slice {
            object: place.object,
            offset: place.offset + from,
            len: to - from,
        })
    };
    let mut at = bytes.start;
    let blocks = bytes.start / block_size..bytes.end.div_ceil(block_size);
    for (block, changed) in device.replaced(blocks.start, blocks.end) {
        let start = block * block_size;
        pieces.push(stored(at, start));
        at = bytes.end.min(start + block_size);
        let len = usize::try_from(at - start).expect("at most a block");
        pieces.push(Piece::Bytes(changed[..len].into()));
    }
    pieces.push(stored(at, bytes.end));
}

/// A file of the filesystem as a device. Blocks outside of its runs are zeros.
pub(super) struct FileView<'a> {
    pub(super) device: &'a Patched<'a>,
    pub(super) block_size: u64,
    pub(super) runs: Vec<Run>,
    pub(super) len: u64,
}

impl Device for FileView<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        let end = end
            .filter(|end| *end <= self.len)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.fill(0);
        let first = self
            .runs
            .partition_point(|run| (run.file_block + run.len) * self.block_size <= offset);
        for run in self.runs[first..].iter().filter(|run| run.is_written) {
            let run_start = run.file_block * self.block_size;
            if run_start >= end {
                break;
            }
            let from = run_start.max(offset);
            let to = ((run.file_block + run.len) * self.block_size).min(end);
            let index = |at: u64| usize::try_from(at - offset).expect("it is in memory");
            let place = run.start * self.block_size + (from - run_start);
            self.device
                .read_at(place, &mut into[index(from)..index(to)])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, BLOCK};
    use super::*;
    use crate::digest::Sha256;
    use std::collections::BTreeMap;

    fn run(file_block: u64, len: u64, start: u64, is_written: bool) -> Run {
        Run {
            file_block,
            len,
            start,
            is_written,
        }
    }

    #[test]
    fn content_is_slices_but_for_what_the_journal_changes_and_nobody_wrote() {
        let (blocks, superblock) = (made::blocks(), made::superblock(0, 0));
        let blocks = blocks.as_slice();
        let changed = [21, 30].map(|block| (block, [block as u8; BLOCK].as_slice().into()));
        let device = Patched::new(&blocks, BLOCK as u32, BTreeMap::from(changed));
        let runs = [
            run(1, 3, 20, true),
            run(5, 2, 40, false),
            run(7, 1, 30, true),
            run(8, 9, 50, true),
        ];
        let inode = made::file([0; 60], 8 * 1024 - 24, &superblock);
        let object = Sha256::of(b"the object");
        let place = Slice {
            object,
            offset: 5000,
            len: device.len(),
        };
        let stored = |offset, len| {
            Piece::Stored(Slice {
                object,
                offset,
                len,
            })
        };
        let expected = [
            Piece::Hole(1024),
            stored(5000 + 20 * 1024, 1024),
            Piece::Bytes([21; 1024].as_slice().into()),
            stored(5000 + 22 * 1024, 1024),
            Piece::Hole(3 * 1024),
            Piece::Bytes([30; 1000].as_slice().into()),
        ];
        let content = content(&inode, &runs, &superblock, &device, &place).unwrap();
        assert_eq!(content, Content::from_pieces(expected));
    }

    #[test]
    fn what_has_no_holes_is_written_from_its_first_block_on() {
        let whole = [run(0, 2, 20, true), run(2, 1, 9, true)];
        assert_eq!(check_whole(12, &whole, 3, "a directory"), Ok(()));
        for (runs, block) in [
            (vec![], 0),
            (vec![run(1, 2, 20, true)], 0),
            (vec![run(0, 2, 20, true)], 2),
            (vec![run(0, 1, 20, true), run(1, 2, 30, false)], 1),
        ] {
            let what = "a directory";
            let hole = Corrupt::Hole {
                ino: 12,
                block,
                what,
            };
            assert_eq!(check_whole(12, &runs, 3, what), Err(hole));
        }
    }

    #[test]
    fn files_longer_than_block_numbers_are_refused() {
        let superblock = made::superblock(0, 0);
        let size = |size| check_size(&made::file([0; 60], size, &superblock), 1024);
        assert_eq!(size(1024 << 32), Ok(()));
        assert!(size((1024 << 32) + 1).is_err());
        assert!(size(u64::MAX).is_err());
    }
}
