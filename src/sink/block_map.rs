//! Block maps (bmap 2.0): the blocks of an image that must be written to a card, with their digests.
//!
//! ```text
//! image       table │ used      │ zeros │ free          │ used
//! blocks      ├──── Range 0-7 ──────────┤               ├─ Range 12-15 ─┤
//! ```
//!
//! A block is left out if all of it is free. Zeros that must be there are mapped, which a map that is made from the
//! holes of a file leaves out. The format is the one of bmaptool: ranges have both their ends, and the file has a
//! digest of itself, computed with 64 zeros in the place of the digest.

use crate::digest::{Hasher, Sha256};
use crate::disk::image::{Image, Source};
use std::fmt::Write;
use std::ops::Range;

/// Bytes in a block.
const BLOCK: u64 = 4096;

/// The map of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMap {
    /// Length of the image in bytes.
    pub len: u64,
    /// The mapped ranges, ascending and apart from each other.
    pub ranges: Vec<MappedRange>,
}

/// Blocks that follow each other and must be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedRange {
    /// The numbers of the blocks; never empty.
    pub blocks: Range<u64>,
    /// The digest of their bytes. A last block that is shorter counts with the bytes that it has.
    pub sha256: Sha256,
}

impl BlockMap {
    /// The text of the map's file. The same map gives the same text.
    pub fn to_xml(&self) -> String {
        let unsigned = self.with_digest(&"0".repeat(64));
        self.with_digest(&Sha256::of(unsigned.as_bytes()).to_string())
    }

    /// The text with `digest` as its own. A reader replaces the first place where the digest stands, so nothing before
    /// it may be a digest.
    fn with_digest(&self, digest: &str) -> String {
        let mapped = self.ranges.iter().map(|it| it.blocks.end - it.blocks.start);
        let mut text = format!(
            "<?xml version=\"1.0\" ?>\n\
             <bmap version=\"2.0\">\n    \
                 <ImageSize> {} </ImageSize>\n    \
                 <BlockSize> {BLOCK} </BlockSize>\n    \
                 <BlocksCount> {} </BlocksCount>\n    \
                 <MappedBlocksCount> {} </MappedBlocksCount>\n    \
                 <ChecksumType> sha256 </ChecksumType>\n    \
                 <BmapFileChecksum> {digest} </BmapFileChecksum>\n    \
                 <BlockMap>\n",
            self.len,
            self.len.div_ceil(BLOCK),
            mapped.sum::<u64>(),
        );
        for MappedRange { blocks, sha256 } in &self.ranges {
            let last = blocks.end - 1;
            let numbers = match blocks.start == last {
                true => last.to_string(),
                false => format!("{}-{last}", blocks.start),
            };
            writeln!(
                text,
                "        <Range chksum=\"{sha256}\"> {numbers} </Range>"
            )
            .expect("text is written to memory");
        }
        text + "    </BlockMap>\n</bmap>\n"
    }
}

/// The blocks of `image` that must be written, in ranges that ascend and do not touch.
fn mapped(image: &Image) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for region in image.regions() {
        match region.source {
            Source::Free => continue,
            Source::Bytes(_) | Source::Object { .. } | Source::Zeros => {}
        }
        let blocks = region.start / BLOCK..region.end().div_ceil(BLOCK);
        match ranges.last_mut() {
            Some(before) if before.end >= blocks.start => before.end = before.end.max(blocks.end),
            _ => ranges.push(blocks),
        }
    }
    ranges
}

/// Makes the map of an image while its bytes pass by, in order and in pieces of any length.
pub struct BlockMapper {
    len: u64,
    /// The ranges in blocks whose bytes have not all passed by, the next one last.
    ahead: Vec<Range<u64>>,
    done: Vec<MappedRange>,
    /// Of the bytes of the next range that have passed by.
    hasher: Hasher,
    /// How many bytes have passed by.
    at: u64,
}

impl BlockMapper {
    /// Begins the map of `image`.
    pub fn new(image: &Image) -> Self {
        let mut ahead = mapped(image);
        ahead.reverse();
        Self {
            len: image.len(),
            ahead,
            done: Vec::new(),
            hasher: Hasher::new(),
            at: 0,
        }
    }

    /// Takes the next `bytes` of the image.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while let Some(blocks) = self.ahead.last().cloned() {
            let range = blocks.start * BLOCK..(blocks.end * BLOCK).min(self.len);
            let skipped = take(&mut bytes, range.start.saturating_sub(self.at));
            self.at += skipped.len() as u64;
            if self.at < range.start {
                return;
            }
            let inside = take(&mut bytes, range.end - self.at);
            self.at += inside.len() as u64;
            self.hasher.update(inside);
            if self.at < range.end {
                return;
            }
            self.ahead.pop();
            let sha256 = std::mem::take(&mut self.hasher).finish();
            self.done.push(MappedRange { blocks, sha256 });
        }
        self.at += bytes.len() as u64;
    }

    /// The map.
    ///
    /// # Panics
    ///
    /// Not all bytes of the image have passed by.
    pub fn finish(self) -> BlockMap {
        assert_eq!(self.at, self.len, "a map needs every byte of its image");
        BlockMap {
            len: self.len,
            ranges: self.done,
        }
    }
}

/// Takes at most `n` bytes off the front of `bytes`.
fn take<'a>(bytes: &mut &'a [u8], n: u64) -> &'a [u8] {
    let n = usize::try_from(n).map_or(bytes.len(), |n| n.min(bytes.len()));
    let (front, rest) = bytes.split_at(n);
    *bytes = rest;
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::image::Region;
    use proptest::prelude::*;

    const N_BLOCKS: u64 = 12;

    /// The map of five blocks of zeros, of which the second is free.
    const FIVE_BLOCKS: &str = r#"<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> 20480 </ImageSize>
    <BlockSize> 4096 </BlockSize>
    <BlocksCount> 5 </BlocksCount>
    <MappedBlocksCount> 4 </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> 79e5ea8d213e88c5d054d0774949ae8462c06ebcd38de654f6f4b501aefc0042 </BmapFileChecksum>
    <BlockMap>
        <Range chksum="ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7"> 0 </Range>
        <Range chksum="f3cc103136423a57975750907ebc1d367e2985ac6338976d4d5a439f50323f4a"> 2-4 </Range>
    </BlockMap>
</bmap>
"#;

    /// The map of `image`, whose bytes are `bytes` and come in pieces of `step` bytes.
    fn map(image: &Image, bytes: &[u8], step: usize) -> BlockMap {
        let mut mapper = BlockMapper::new(image);
        bytes.chunks(step).for_each(|piece| mapper.update(piece));
        mapper.finish()
    }

    #[test]
    fn a_map_is_written_as_bmaptool_writes_it() {
        let free = [Region::free(4096..8192), Region::free(16_384..20_000)];
        let image = Image::new(5 * BLOCK, free.to_vec()).unwrap();
        // A block that is free only in part has to be written.
        let map = map(&image, &vec![0; 5 * 4096], 1000);
        assert_eq!(map.to_xml(), FIVE_BLOCKS);
    }

    #[test]
    fn the_digest_of_the_file_is_over_the_file_with_zeros_in_its_place() {
        let image = Image::new(100, vec![Region::bytes(0, [7; 100])]).unwrap();
        let text = map(&image, &[7; 100], 7).to_xml();
        let (_, behind) = text.split_once("<BmapFileChecksum> ").unwrap();
        let (digest, _) = behind.split_once(' ').unwrap();
        let zeroed = text.replacen(digest, &"0".repeat(64), 1);
        assert_eq!(digest, Sha256::of(zeroed.as_bytes()).to_string());
        assert_eq!(text.find(digest), text.find(behind));
    }

    proptest! {
        /// Whatever is free: a block is left out if and only if all of its bytes are, and digests are of what is there.
        #[test]
        fn every_byte_that_is_read_lies_in_a_mapped_block(
            cuts in proptest::collection::btree_set(1..N_BLOCKS * BLOCK, 0..12),
            free in proptest::collection::vec(any::<bool>(), 13),
            len in (N_BLOCKS - 1) * BLOCK..N_BLOCKS * BLOCK + 1,
            step in 1..20_000_usize,
        ) {
            let cuts: Vec<u64> = [0].into_iter().chain(cuts).chain([u64::MAX]).collect();
            let spans = cuts.windows(2).map(|cut| cut[0].min(len)..cut[1].min(len));
            let free: Vec<_> = spans.zip(free).filter(|(_, free)| *free).map(|(span, _)| span).collect();
            let image = Image::new(len, free.iter().cloned().map(Region::free).collect()).unwrap();
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let map = map(&image, &bytes, step);
            prop_assert_eq!(map.len, len);
            for block in 0..len.div_ceil(BLOCK) {
                let mut within = block * BLOCK..((block + 1) * BLOCK).min(len);
                let is_free = within.all(|at| free.iter().any(|span| span.contains(&at)));
                let is_mapped = map.ranges.iter().any(|range| range.blocks.contains(&block));
                prop_assert_eq!(is_mapped, !is_free, "block {}", block);
            }
            for MappedRange { blocks, sha256 } in &map.ranges {
                let end = (blocks.end * BLOCK).min(len);
                let span = &bytes[(blocks.start * BLOCK) as usize..end as usize];
                prop_assert_eq!(*sha256, Sha256::of(span));
            }
            prop_assert!(map.ranges.windows(2).all(|two| two[0].blocks.end < two[1].blocks.start));
        }
    }
}
