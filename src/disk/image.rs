//! An image: regions that cover `[0, len)` exactly once, in ascending order.
//!
//! There are two kinds of zeros. [`Source::Zeros`] are read by somebody, and have to be written even to a card that
//! holds other bytes there. [`Source::Free`] is read by nobody before it is written. Bytes that no region decides are
//! `Zeros`, so that only code that knows that a span is free can make it `Free`.

use crate::digest::Sha256;
use crate::tree::{Piece, Slice};
use rustix::fs::SeekFrom;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The source of the bytes of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Bytes in memory; as many as the region is long.
    Bytes(Arc<[u8]>),
    /// The bytes of a stored object from `offset` on.
    Object {
        /// The object.
        object: Sha256,
        /// First byte within it.
        offset: u64,
    },
    /// Zeros that somebody reads: tables, journals, padding, gaps. A new file may have a hole for them; a card has
    /// other bytes there, and they must be written.
    Zeros,
    /// Space that a filesystem has not given to any file. Any bytes may be there: a file gets zeros, and a card may
    /// keep what it holds.
    Free,
}

impl Source {
    /// Whether a raw file has zeros for it, so that a hole can stand for it there.
    pub fn is_zeros_in_a_file(&self) -> bool {
        match self {
            Self::Zeros | Self::Free => true,
            Self::Bytes(_) | Self::Object { .. } => false,
        }
    }
}

/// A span of an image, or of a filesystem that becomes a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offset in bytes.
    pub start: u64,
    /// Length in bytes; never 0 in an [`Image`].
    pub len: u64,
    /// The content.
    pub source: Source,
}

impl Region {
    /// `bytes` at `start`.
    pub fn bytes(start: u64, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let len = u64::try_from(bytes.len()).expect("a length fits 64 bits");
        Self {
            start,
            len,
            source: Source::Bytes(bytes),
        }
    }

    /// A span that is free. It may be empty.
    pub fn free(span: Range<u64>) -> Self {
        Self {
            start: span.start,
            len: span.end.saturating_sub(span.start),
            source: Source::Free,
        }
    }

    /// A piece of a file at `start`. A hole in a file reads as zeros.
    pub fn piece(start: u64, piece: Piece) -> Self {
        let len = piece.len();
        let source = match piece {
            Piece::Bytes(bytes) => Source::Bytes(bytes),
            Piece::Stored(Slice { object, offset, .. }) => Source::Object { object, offset },
            Piece::Hole(_) => Source::Zeros,
        };
        Self { start, len, source }
    }

    /// The part of the region in the bytes `range` of the image, of which it has all.
    fn part(&self, range: Range<u64>) -> Self {
        let skipped = range.start - self.start;
        let len = range.end - range.start;
        let source = match &self.source {
            Source::Bytes(bytes) if len < self.len => {
                let index = |n: u64| usize::try_from(n).expect("bytes in memory");
                Source::Bytes(bytes[index(skipped)..index(skipped + len)].into())
            }
            Source::Object { object, offset } => Source::Object {
                object: *object,
                offset: offset + skipped,
            },
            whole => whole.clone(),
        };
        Self {
            start: range.start,
            len,
            source,
        }
    }

    /// Whether the region follows `before`, both in the image and in one object.
    fn continues(&self, before: &Self) -> bool {
        match (&before.source, &self.source) {
            (
                Source::Object { object, offset },
                Source::Object {
                    object: same,
                    offset: next,
                },
            ) => {
                before.end() == self.start
                    && object == same
                    && offset.checked_add(before.len) == Some(*next)
            }
            _ => false,
        }
    }

    /// The first offset behind the region.
    pub fn end(&self) -> u64 {
        self.start
            .checked_add(self.len)
            .expect("an image is smaller than 2^64")
    }
}

/// An error of a layout: regions overlap, or lie outside the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Two regions claim the same byte.
    #[error("region at byte {second} begins inside the region at byte {first}")]
    Overlap {
        /// Start of the earlier region.
        first: u64,
        /// Start of the later one.
        second: u64,
    },
    /// A region ends behind the image.
    #[error("region at byte {start} ends at byte {end}, behind the image of {len} bytes")]
    OutOfRange {
        /// Start of the region.
        start: u64,
        /// Its end.
        end: u64,
        /// Length of the image.
        len: u64,
    },
}

/// A sealed image: every byte is decided, and none is written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    regions: Vec<Region>,
    len: u64,
}

impl Image {
    /// Orders `regions`, checks that they fit into `len` bytes without overlap, and fills the gaps
    /// between them with zeros that must be written. A region that continues the one before it, in
    /// the image and in their object, becomes a part of it.
    ///
    /// # Errors
    ///
    /// Regions overlap, or one ends behind `len`.
    pub fn new(len: u64, mut regions: Vec<Region>) -> Result<Self, ImageError> {
        regions.retain(|region| region.len > 0);
        regions.sort_by_key(|region| region.start);
        let mut covered = Vec::with_capacity(regions.len() * 2 + 1);
        let zeros = |range: Range<u64>| Region {
            start: range.start,
            len: range.end - range.start,
            source: Source::Zeros,
        };
        let mut at = 0;
        let mut previous = 0;
        for region in regions {
            if region.start < at {
                return Err(ImageError::Overlap {
                    first: previous,
                    second: region.start,
                });
            }
            if region.end() > len {
                return Err(ImageError::OutOfRange {
                    start: region.start,
                    end: region.end(),
                    len,
                });
            }
            if region.start > at {
                covered.push(zeros(at..region.start));
            }
            previous = region.start;
            at = region.end();
            match covered.last_mut() {
                Some(before) if region.continues(before) => before.len += region.len,
                _ => covered.push(region),
            }
        }
        if at < len {
            covered.push(zeros(at..len));
        }
        Ok(Self {
            regions: covered,
            len,
        })
    }

    /// The image of the stored `object`, which `file` holds. Holes of the file are zeros that must be written, since
    /// a hole does not say whether anybody reads it.
    ///
    /// # Errors
    ///
    /// The file has no metadata.
    pub fn of_object(object: Sha256, file: &fs_err::File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let mut regions = Vec::new();
        let mut at = 0;
        while at < len {
            let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
                Ok(data) => data.min(len),
                // The rest is a hole.
                Err(rustix::io::Errno::NXIO) => break,
                // This filesystem has no holes.
                Err(_) => at,
            };
            let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).unwrap_or(len);
            let hole = hole.clamp(data, len);
            regions.push(Region {
                start: data,
                len: hole - data,
                source: Source::Object {
                    object,
                    offset: data,
                },
            });
            at = hole.max(data + u64::from(hole == data));
        }
        Ok(Self::new(len, regions).expect("the kernel gives data in ascending order"))
    }

    /// The image, with the zeros in the ascending spans `free` as free space. Bytes that are stored there stay. The
    /// spans may overlap.
    #[must_use]
    pub fn with_free(self, free: &[Range<u64>]) -> Self {
        let mut regions = Vec::with_capacity(self.regions.len());
        for region in self.regions {
            if region.source != Source::Zeros {
                regions.push(region);
                continue;
            }
            let (mut at, end) = (region.start, region.end());
            let first = free.partition_point(|span| span.end <= region.start);
            for span in free[first..].iter().take_while(|span| span.start < end) {
                let span = span.start.max(at)..span.end.min(end);
                if !span.is_empty() {
                    at = span.end;
                    regions.push(Region::free(span));
                }
            }
        }
        Self::new(self.len, regions).expect("each lies in zeros, behind the one before")
    }

    /// The regions of the bytes `range`, moved so that the range begins at `to`. Those of zeros are left out: they
    /// are what [`Image::new`] puts into gaps.
    pub fn slice(&self, range: Range<u64>, to: u64) -> Vec<Region> {
        let first = self.regions.partition_point(|it| it.end() <= range.start);
        let within = self.regions[first..].iter();
        let within = within.take_while(|region| region.start < range.end);
        let within = within.filter(|region| region.source != Source::Zeros);
        within
            .map(|region| {
                let part = region.part(range.start.max(region.start)..range.end.min(region.end()));
                Region {
                    start: to + (part.start - range.start),
                    ..part
                }
            })
            .collect()
    }

    /// The stored objects of its regions. One object may come several times.
    pub fn objects(&self) -> impl Iterator<Item = Sha256> + '_ {
        self.regions
            .iter()
            .filter_map(|region| match region.source {
                Source::Object { object, .. } => Some(object),
                Source::Bytes(_) | Source::Zeros | Source::Free => None,
            })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the image has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The regions, ascending, without gap or overlap.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_become_zeros_and_the_whole_is_covered_once() {
        let image =
            Image::new(10, vec![Region::bytes(6, *b"cd"), Region::bytes(1, *b"ab")]).unwrap();
        let spans: Vec<_> = image.regions().iter().map(|r| (r.start, r.len)).collect();
        assert_eq!(spans, [(0, 1), (1, 2), (3, 3), (6, 2), (8, 2)]);
    }

    #[test]
    fn a_slice_continues_the_one_before_it_only_if_both_are_neighbours() {
        let slice = |name: &[u8], start, offset| Region {
            start,
            len: 10,
            source: Source::Object {
                object: Sha256::of(name),
                offset,
            },
        };
        let regions = vec![
            slice(b"a", 30, 120), // continues the second
            slice(b"a", 10, 100),
            slice(b"a", 20, 110), // continues the first
            slice(b"a", 40, 131), // not in the object
            slice(b"a", 51, 141), // not in the image
            slice(b"b", 61, 151), // of another object
        ];
        let image = Image::new(71, regions).unwrap();
        let spans: Vec<_> = image.regions().iter().map(|r| (r.start, r.len)).collect();
        assert_eq!(
            spans,
            [(0, 10), (10, 30), (40, 10), (50, 1), (51, 10), (61, 10)]
        );
    }

    #[test]
    fn only_zeros_become_free_and_only_where_they_are() {
        let image = Image::new(100, vec![Region::bytes(20, [1; 10]), Region::free(40..50)]);
        let image = image
            .unwrap()
            .with_free(&[5..25, 8..15, 28..35, 30..33, 45..60, 90..200]);
        let free: Vec<_> = image
            .regions()
            .iter()
            .filter(|region| region.source == Source::Free)
            .map(|region| region.start..region.end())
            .collect();
        assert_eq!(free, [5..20, 30..35, 40..50, 50..60, 90..100]);
        assert_eq!(image.len(), 100);
    }

    #[test]
    fn what_is_used_cannot_be_free() {
        let both = Image::new(10, vec![Region::bytes(2, *b"ab"), Region::free(3..9)]);
        let (first, second) = (2, 3);
        assert_eq!(both, Err(ImageError::Overlap { first, second }));
    }

    #[test]
    fn overlap_and_overrun_are_refused() {
        let overlap = Image::new(10, vec![Region::bytes(0, *b"abc"), Region::bytes(2, *b"x")]);
        let (first, second) = (0, 2);
        assert_eq!(overlap, Err(ImageError::Overlap { first, second }));
        let overrun = Image::new(2, vec![Region::bytes(0, *b"abc")]);
        let (start, end, len) = (0, 3, 2);
        assert_eq!(overrun, Err(ImageError::OutOfRange { start, end, len }));
    }
}
