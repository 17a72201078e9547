//! Names the parts of a disk that differ: in partitions what is in them; the table, blobs, and the gaps between these.

use super::compare::{Compared, Differing};
use super::difference::{Difference, Differences, Length, shown, value};
use super::part::{DiskPart, parts};
use crate::disk::device::{Device, Part};
use crate::fs::spot::{Field, Spot};
use crate::fs::{ext4, fat};
use crate::inventory::Inventory;
use std::collections::BTreeMap;
use std::ops::Range;

/// The most differences that are told apart.
const MAX_DIFFERENCES: usize = 20_000;

/// The differences that `compared` has from `expected`, of which `inventory` lists partitions and blobs.
pub(super) fn differences(
    expected: &dyn Device,
    compared: &Compared,
    inventory: &Inventory,
) -> Differences {
    let mut collector = Collector::default();
    let differences = &mut collector.differences;
    differences.further = compared.further;
    differences.sha256 = compared.sha256;
    differences.len = (compared.len != expected.len()).then_some(Length {
        expected: expected.len(),
        found: compared.len,
    });
    for part in parts(expected, inventory) {
        let blocks = within(&compared.differing, &part.range);
        if !blocks.is_empty() {
            named(expected, &part, &mut |spot| {
                collector.add_blocks(&part, blocks, spot);
            });
        }
    }
    collector.differences
}

/// The blocks of which a part lies in `range`.
fn within<'b>(blocks: &'b [Differing], range: &Range<u64>) -> &'b [Differing] {
    let first = blocks.partition_point(|block| block.range().end <= range.start);
    let blocks = &blocks[first..];
    let n = blocks.partition_point(|block| block.start < range.end);
    &blocks[..n]
}

/// A function that says what the byte at an offset is.
type Names<'n> = dyn Fn(u64) -> Spot + 'n;

/// Calls `take` with a function that says what the byte at an offset of `part` is. A partition whose filesystem cannot
/// be read is one part.
fn named(expected: &dyn Device, part: &DiskPart<'_>, take: &mut dyn FnMut(&Names<'_>)) {
    let len = part.range.end - part.range.start;
    let whole = |_: u64| Spot {
        path: None,
        part: part.name.clone(),
        range: 0..len,
        at: 0,
        field: None,
    };
    let device = Part::new(expected, part.range.start, len);
    let Some(device) = device.filter(|_| part.partition.is_some()) else {
        return take(&whole);
    };
    if let Ok(filesystem) = ext4::read::Filesystem::open(&device)
        && let Ok(survey) = filesystem.survey()
    {
        return take(&|offset| survey.spot(offset));
    }
    if let Ok(filesystem) = fat::read::Filesystem::open(&device)
        && let Ok(survey) = filesystem.survey()
    {
        return take(&|offset| survey.spot(offset));
    }
    take(&whole);
}

/// Partition, path and part, by which differences are told apart.
type Key = (Option<u32>, Option<String>, String);

/// Gathers differences.
#[derive(Default)]
struct Collector {
    differences: Differences,
    /// The index of the difference of each part.
    known: BTreeMap<Key, usize>,
}

impl Collector {
    /// Adds what differs in `blocks` and lies in `part`; `spot` names a byte of it.
    fn add_blocks(&mut self, part: &DiskPart<'_>, blocks: &[Differing], spot: &Names<'_>) {
        for block in blocks {
            for run in block.runs() {
                let run = run.start.max(part.range.start)..run.end.min(part.range.end);
                let mut at = run.start;
                while at < run.end {
                    let spot = spot(at - part.range.start);
                    let end = part.range.start.saturating_add(spot.range.end);
                    let end = end.clamp(at + 1, run.end);
                    self.add(part, &spot, block, at..end);
                    at = end;
                }
            }
        }
    }

    /// Adds the `bytes` of the disk, all of which differ, are in `block`, and are what `spot` says.
    fn add(&mut self, part: &DiskPart<'_>, spot: &Spot, block: &Differing, bytes: Range<u64>) {
        let partition = part.partition;
        let path = spot.path.as_ref().map(shown);
        let number = partition.map(|partition| partition.number);
        let key = (number, path.clone(), spot.part.clone());
        let n_bytes = bytes.end - bytes.start;
        let parts = &mut self.differences.parts;
        if let Some(index) = self.known.get(&key) {
            parts[*index].n_bytes += n_bytes;
            return;
        }
        if parts.len() == MAX_DIFFERENCES {
            self.differences.further += n_bytes;
            return;
        }
        let field = (spot.field.as_ref()).and_then(|field| block.field(part.range.start, field));
        let is_field = field.is_some();
        let (expected, found) = field.unwrap_or_else(|| {
            let show = |of: &[u8]| value(&of[block.index(&bytes)], None);
            (show(&block.expected), show(&block.found))
        });
        self.known.insert(key, parts.len());
        parts.push(Difference {
            partition: number,
            partition_name: partition.and_then(|partition| partition.name.clone()),
            path,
            part: spot.part.clone(),
            offset: spot.at + (bytes.start - part.range.start).saturating_sub(spot.range.start),
            disk_offset: bytes.start,
            n_bytes,
            expected: Some(expected),
            found: Some(found),
            is_field,
        });
    }
}

impl Differing {
    fn range(&self) -> Range<u64> {
        self.start..self.start + self.found.len() as u64
    }

    /// The place of these bytes of the disk in the block, which has them.
    fn index(&self, bytes: &Range<u64>) -> Range<usize> {
        let index = |at: u64| usize::try_from(at - self.start).expect("a block is small");
        index(bytes.start)..index(bytes.end)
    }

    /// The runs of bytes of the disk that differ.
    fn runs(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let differs = |at: &usize| self.found[*at] != self.expected[*at];
        let len = self.found.len();
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = (at..len).find(differs)?;
            let end = (start..len).find(|at| !differs(at)).unwrap_or(len);
            at = end;
            Some(self.start + start as u64..self.start + end as u64)
        })
    }

    /// The expected and the found value of `field`, whose offsets count from `base`, if the block has all of it.
    fn field(&self, base: u64, field: &Field) -> Option<(String, String)> {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let block = self.range();
        for range in &field.ranges {
            let range = base + range.start..base + range.end;
            if range.start < block.start || range.end > block.end {
                return None;
            }
            let index = self.index(&range);
            expected.extend_from_slice(&self.expected[index.clone()]);
            found.extend_from_slice(&self.found[index]);
        }
        let show = |bytes: &[u8]| value(bytes, Some(field.form));
        Some((show(&expected), show(&found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_bytes_that_differ() {
        let block = Differing {
            start: 100,
            expected: (*b"abcdefgh").into(),
            found: (*b"Abcdefgh").into(),
        };
        assert_eq!(block.runs().collect::<Vec<_>>(), [100..101]);
        let block = Differing {
            found: (*b"abXXefgX").into(),
            ..block
        };
        assert_eq!(block.runs().collect::<Vec<_>>(), [102..104, 107..108]);
        let blocks = [block];
        assert!(within(&blocks, &(0..100)).is_empty());
        assert_eq!(within(&blocks, &(107..108)).len(), 1);
        assert!(within(&blocks, &(108..200)).is_empty());
    }
}
