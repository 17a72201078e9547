//! Where an image is cut into spans, so that images that share objects share spans.
//!
//! - A long run of regions of one object is cut at fixed offsets *of the object*, wherever it lies
//!   in the image.
//! - Long zeros are cut into pieces of one length.
//! - Short runs are joined up to a bound. A span ends before a run whose object and offset have a
//!   certain property (as in content-defined chunking), so that two images that differ in one file
//!   have the same cuts again soon behind it.
//!
//! The length of the image decides the bounds, so that the index of an xz stream stays below the
//! 1,000,000 bytes that Raspberry Pi Imager reads.

use super::span::{Content, Part, Span};
use crate::digest::Sha256;
use crate::disk::image::{Image, Region};

/// The shortest run that is a span of its own.
const LEAST: u64 = 1 << 20;
/// The longest span. It decides the memory of a compressor and of a decompressor.
const LONGEST: u64 = 4 << 20;
/// An image is not longer than this many of the shortest runs. It has at most three spans for each
/// of them, which take 8 bytes each in the index of an xz stream.
const MOST: u64 = 1 << 15;

/// How an image is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    least: u64,
    longest: u64,
}

impl Cut {
    /// The cut of images of `len` bytes.
    pub(super) fn of(len: u64) -> Self {
        let least = len.div_ceil(MOST).next_power_of_two().max(LEAST);
        let longest = LONGEST.max(2 * least);
        Self { least, longest }
    }

    /// The length of the longest span.
    pub(super) fn longest(self) -> u64 {
        self.longest
    }

    /// The spans of `image`, in order and without gaps.
    pub(super) fn spans(self, image: &Image) -> Vec<Span<'_>> {
        let mut spans = Spans {
            cut: self,
            finished: Vec::new(),
            current: Span::default(),
        };
        for run in self.runs(image.regions()) {
            match run.span.len >= self.least {
                true => spans.long(&run),
                false => spans.short(run),
            }
        }
        spans.end();
        spans.finished
    }

    /// Joins neighbouring regions of one object, and neighbouring bytes, to runs. Short zeros, which
    /// pad a file, belong to the run before them.
    fn runs(self, regions: &[Region]) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for part in parts(regions) {
            let kind = match part.content {
                Content::Zeros if part.len >= self.least => Kind::Zeros,
                Content::Zeros => Kind::Padding,
                Content::Bytes(_) => Kind::Bytes,
                Content::Object { object, .. } => Kind::Object(object),
            };
            let joined = runs.last_mut().filter(|run| match kind {
                Kind::Zeros => false,
                Kind::Padding => run.kind != Kind::Zeros,
                Kind::Bytes | Kind::Object(_) => run.kind == kind,
            });
            match joined {
                Some(run) => run.span.push(part),
                None => {
                    let mut span = Span::default();
                    span.push(part);
                    runs.push(Run { kind, span });
                }
            }
        }
        runs
    }
}

/// The parts of an image. Neighbouring zeros are one part, whether or not they are free.
fn parts(regions: &[Region]) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for part in regions.iter().map(Part::of) {
        match parts.last_mut() {
            Some(last) if last.content == Content::Zeros && part.content == Content::Zeros => {
                last.len += part.len;
            }
            _ => parts.push(part),
        }
    }
    parts
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bytes,
    Object(Sha256),
    /// Zeros that are a run of their own.
    Zeros,
    /// Short zeros.
    Padding,
}

/// Neighbouring parts of the same kind.
struct Run<'a> {
    kind: Kind,
    span: Span<'a>,
}

impl Run<'_> {
    /// Whether a span may end before this run. One of eight runs is such a place, by a property of
    /// its beginning that is the same in every image.
    fn is_anchor(&self) -> bool {
        let Some(Content::Object { object, offset }) = self.span.parts.first().map(|it| it.content)
        else {
            return false;
        };
        let first = object.0.first_chunk().expect("a digest has 32 bytes");
        // The multiplier of Fibonacci hashing spreads the bits of the offset.
        let mixed = (u64::from_le_bytes(*first) ^ offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed >> 61 == 0
    }
}

/// The spans that are finished, and the one that is not.
struct Spans<'a> {
    cut: Cut,
    finished: Vec<Span<'a>>,
    current: Span<'a>,
}

impl<'a> Spans<'a> {
    /// Adds a short run to the current span, or begins another one with it.
    fn short(&mut self, run: Run<'a>) {
        let is_full = self.current.len + run.span.len > self.cut.longest;
        if is_full || self.current.len >= self.cut.least && run.is_anchor() {
            self.end();
        }
        run.span
            .parts
            .iter()
            .for_each(|part| self.current.push(*part));
    }

    /// Makes spans of a long run alone.
    fn long(&mut self, run: &Run<'a>) {
        self.end();
        for part in &run.span.parts {
            self.pieces(*part);
        }
        self.end();
    }

    fn pieces(&mut self, part: Part<'a>) {
        let longest = self.cut.longest;
        let is_long = part.len >= self.cut.least;
        let mut rest = part;
        while rest.len > 0 {
            if self.current.len == longest {
                self.end();
            }
            let room = longest - self.current.len;
            let to_cut = match rest.content {
                Content::Object { offset, .. } if is_long => longest - offset % longest,
                _ => longest,
            };
            let (piece, behind) = rest.split(rest.len.min(room).min(to_cut));
            self.current.push(piece);
            if piece.len == to_cut {
                self.end();
            }
            rest = behind;
        }
    }

    /// Ends the current span.
    fn end(&mut self) {
        if self.current.len > 0 {
            self.finished.push(std::mem::take(&mut self.current));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::image::Source;
    use std::ops::Range;

    const MIB: u64 = 1 << 20;

    /// A region of the object that `name` stands for.
    fn slice(name: u32, start: u64, offset: u64, len: u64) -> Region {
        let object = Sha256::of(&name.to_le_bytes());
        let source = Source::Object { object, offset };
        Region { start, len, source }
    }

    fn lengths(image: &Image) -> Vec<u64> {
        let spans = Cut::of(image.len()).spans(image);
        spans.iter().map(|span| span.len).collect()
    }

    #[test]
    fn the_spans_cover_the_image_in_order() {
        let regions = vec![
            Region::bytes(0, vec![1; 5 << 20]),
            slice(1, 6 * MIB, 3, 700),
            slice(2, 7 * MIB, 0, 9 * MIB),
            slice(2, 16 * MIB, 0, 5),
        ];
        let image = Image::new(40 * MIB, regions).unwrap();
        let spans = Cut::of(image.len()).spans(&image);
        let parts = spans.iter().flat_map(|span| span.parts.iter());
        let mut at = 0;
        let mut regions = image.regions().iter();
        let mut region = regions.next().unwrap();
        for part in parts {
            let whole = Part::of(region);
            let (_, rest) = whole.split(at - region.start);
            assert_eq!(rest.split(part.len).0, *part);
            at += part.len;
            if at == region.end() {
                region = regions.next().unwrap_or(region);
            }
        }
        assert_eq!(at, image.len());
    }

    #[test]
    fn a_long_run_is_cut_at_fixed_offsets_of_its_object() {
        let regions = vec![slice(1, 0, 3 * MIB, 10 * MIB)];
        let image = Image::new(10 * MIB, regions).unwrap();
        assert_eq!(lengths(&image), [MIB, 4 * MIB, 4 * MIB, MIB]);
    }

    #[test]
    fn long_zeros_are_cut_into_equal_pieces() {
        let image = Image::new(9 * MIB, Vec::new()).unwrap();
        assert_eq!(lengths(&image), [4 * MIB, 4 * MIB, MIB]);
    }

    #[test]
    fn what_is_free_is_cut_and_named_like_other_zeros() {
        let used = [Region::bytes(0, [1; 5000]), slice(1, 6 * MIB, 0, 2 * MIB)];
        let image = |free: &[Range<u64>]| {
            let free = free.iter().cloned().map(Region::free);
            Image::new(20 * MIB, used.iter().cloned().chain(free).collect()).unwrap()
        };
        let spans = |image: &Image| -> Vec<(u64, Sha256)> {
            let spans = Cut::of(image.len()).spans(image);
            spans.iter().map(|it| (it.len, it.digest())).collect()
        };
        let zeros = spans(&image(&[]));
        let free = image(&[4096 * 3..MIB, MIB..5 * MIB, 9 * MIB + 7..9 * MIB + 9]);
        assert_eq!(spans(&free), zeros);
    }

    #[test]
    fn short_runs_are_joined_up_to_the_bound() {
        let regions = (0..64).map(|n| Region::bytes(n * 4096, vec![7; 4000]));
        let image = Image::new(64 * 4096, regions.collect()).unwrap();
        assert_eq!(lengths(&image), [64 * 4096]);
    }

    /// The files of `names`, each an object of its own of 40,000 bytes, one behind the other.
    fn files(names: impl Iterator<Item = u32>) -> Image {
        let files: Vec<u32> = names.collect();
        let place = |(at, name): (usize, &u32)| slice(*name, at as u64 * 40_960, 0, 40_000);
        let regions = files.iter().enumerate().map(place).collect();
        Image::new(files.len() as u64 * 40_960, regions).unwrap()
    }

    #[test]
    fn behind_a_file_that_only_one_image_has_the_cuts_are_the_same_again() {
        let (one, other) = (
            files(0..1000),
            files((0..300).chain([9999]).chain(300..1000)),
        );
        let digests = |image: &Image| -> Vec<Sha256> {
            let spans = Cut::of(image.len()).spans(image);
            spans.iter().map(Span::digest).collect()
        };
        let (one, other) = (digests(&one), digests(&other));
        let shared = one.iter().filter(|digest| other.contains(digest)).count();
        assert!(shared + 3 >= one.len(), "{shared} of {}", one.len());
        assert!(one.len() > 10);
    }

    #[test]
    fn the_index_of_a_long_image_stays_short() {
        for len in [1 << 30, 1 << 35, 1 << 40, (1 << 42) + 5] {
            let cut = Cut::of(len);
            assert!(3 * len.div_ceil(cut.least) * 8 < 1_000_000, "{len}");
            assert!(cut.longest >= 2 * cut.least);
        }
    }
}
