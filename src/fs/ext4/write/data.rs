//! Which blocks of a file hold data, and where they lie.
//!
//! ```text
//! pieces      bytes ··│········· hole ··········│·· slice
//! blocks      data    │ data    │ (none) │ data │ data      a block with a byte of data is written
//! ```

use super::sizes::{BLOCK_BYTES, blocks_of};
use crate::disk::image::Region;
use crate::tree::{ALIGNMENT, Content, Piece};
use std::ops::Range;

/// Blocks that follow each other, and the part of the content that they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The number of the first block within the content.
    pub(super) file_block: u64,
    /// The blocks on the disk.
    pub(super) blocks: Range<u64>,
}

impl Run {
    /// The bytes of the content that the run holds.
    fn bytes(&self) -> Range<u64> {
        let start = self.file_block * BLOCK_BYTES;
        start..start + (self.blocks.end - self.blocks.start) * BLOCK_BYTES
    }
}

/// The blocks of `content` that hold data, ascending. Those in between are holes.
pub(super) fn data_blocks(content: &Content) -> Vec<Range<u64>> {
    let mut data: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    for piece in content.pieces() {
        let start = at;
        at += piece.len();
        if matches!(piece, Piece::Hole(_)) {
            continue;
        }
        let blocks = start / BLOCK_BYTES..blocks_of(at);
        match data.last_mut() {
            Some(before) if before.end >= blocks.start => before.end = blocks.end,
            _ => data.push(blocks),
        }
    }
    data
}

/// The regions of `content`, whose data lies in `runs`. The rest of a last block is zeros: those
/// that follow in the object of the content if it has them, so that the next file of the object can
/// continue the region.
pub(super) fn regions(content: &Content, mut runs: &[Run], mut add: impl FnMut(Region)) {
    let mut at = 0;
    for piece in content.padded_pieces() {
        let piece_start = at;
        at += piece.len();
        if matches!(piece, Piece::Hole(_)) {
            continue;
        }
        while let [run, later @ ..] = runs {
            let part = run.bytes();
            let (start, end) = (part.start.max(piece_start), part.end.min(at));
            if start < end {
                let place = run.blocks.start * BLOCK_BYTES + (start - part.start);
                let cut = piece.part(start - piece_start, end - start);
                add(Region::piece(place, cut));
            }
            if part.end > at {
                break;
            }
            runs = later;
        }
    }
}

const _: () = assert!(BLOCK_BYTES == ALIGNMENT);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::disk::image::Source;
    use crate::tree::Slice;

    fn bytes(len: usize) -> Piece {
        Piece::Bytes(vec![7; len].into())
    }

    #[test]
    fn holes_keep_no_block_that_data_touches() {
        for (pieces, data) in [
            (vec![], vec![]),
            (vec![Piece::Hole(5000)], vec![]),
            (vec![bytes(5000)], vec![0..2]),
            (vec![Piece::Hole(4096), bytes(1)], vec![1..2]),
            (vec![bytes(1), Piece::Hole(4096), bytes(1)], vec![0..2]),
            (
                vec![bytes(1), Piece::Hole(8191), bytes(1)],
                vec![0..1, 2..3],
            ),
            (vec![bytes(4096), Piece::Hole(1 << 40)], vec![0..1]),
            (
                vec![bytes(10), bytes(10), Piece::Hole(1), bytes(9)],
                vec![0..1],
            ),
        ] {
            let content = Content::from_pieces(pieces);
            assert_eq!(data_blocks(&content), data, "{content:?}");
        }
    }

    #[test]
    fn zeros_of_the_object_fill_the_last_block() {
        let object = Sha256::of(b"package");
        let slice = Slice {
            object,
            offset: 40_960,
            len: 5000,
        };
        let run = |file_block, blocks| Run { file_block, blocks };
        let runs = [run(0, 10..11), run(1, 20..21)];
        for (content, last) in [
            (Content::padded(slice), 4096),
            (Content::Stored(slice), 904),
        ] {
            assert_eq!(data_blocks(&content), [0..2]);
            let mut found = Vec::new();
            regions(&content, &runs, |region| {
                let Source::Object { offset, .. } = region.source else {
                    panic!("{region:?}");
                };
                found.push((region.start, region.len, offset));
            });
            let expected = [(10 * 4096, 4096, 40_960), (20 * 4096, last, 45_056)];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn pieces_are_cut_where_runs_are() {
        let run = |file_block, blocks| Run { file_block, blocks };
        let content = Content::from_pieces([
            bytes(6000),
            Piece::Hole(3000),
            bytes(100),
            Piece::Hole(9000),
            bytes(5000),
        ]);
        assert_eq!(data_blocks(&content), [0..3, 4..6]);
        let runs = [
            run(0, 10..11),
            run(1, 20..22),
            run(4, 22..23),
            run(5, 30..31),
        ];
        let mut found = Vec::new();
        regions(&content, &runs, |region| {
            assert!(matches!(region.source, Source::Bytes(_)));
            found.push((region.start, region.len));
        });
        let expected = [
            (10 * 4096, 4096),
            (20 * 4096, 1904),
            (20 * 4096 + 4904, 100),
            (22 * 4096 + 1716, 2380),
            (30 * 4096, 2620),
        ];
        assert_eq!(found, expected);
    }
}
