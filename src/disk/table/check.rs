//! Checks the partitions of a table, both of one that was read and of one that is to be written.

use super::{Entry, Partition, Sector, TableError};
use std::ops::Range;

/// Checks that every partition is whole sectors within `usable`, that logical ones lie in an
/// extended one, and that nothing overlaps.
pub(super) fn partitions(
    partitions: &[Partition],
    sector: Sector,
    usable: Range<u64>,
) -> Result<(), TableError> {
    for partition in partitions {
        within(partition, sector, &usable)?;
    }
    let mut logical = Vec::new();
    let mut primary = Vec::new();
    for partition in partitions {
        let number = partition.number;
        let (start, end) = (partition.start.0, partition.end().0);
        let Entry::Logical { link, .. } = partition.entry else {
            primary.push((number, start..end));
            continue;
        };
        let link = link.0;
        if start <= link {
            return Err(TableError::Unusable(format!(
                "logical partition {number} starts at byte {start}, not behind its table at byte {link}"
            )));
        }
        let mut extended = partitions.iter().filter(|it| it.is_extended());
        if !extended.any(|it| it.start.0 <= link && end <= it.end().0) {
            return Err(TableError::Unusable(format!(
                "logical partition {number}, from byte {link} to {end}, does not lie within the extended partition"
            )));
        }
        logical.push((number, start..end));
        logical.push((number, link..link + sector.bytes()));
    }
    disjoint(logical)?;
    disjoint(primary)
}

fn within(partition: &Partition, sector: Sector, usable: &Range<u64>) -> Result<(), TableError> {
    let (number, start, len) = (partition.number, partition.start.0, partition.len.0);
    let size = sector.bytes();
    let (end, limit) = (start.saturating_add(len), usable.end);
    Err(TableError::Unusable(
        if len == 0 || !start.is_multiple_of(size) || !len.is_multiple_of(size) {
            format!(
                "partition {number} at byte {start} of {len} bytes is not one or more whole sectors of {size} bytes"
            )
        } else if end > limit {
            format!(
                "partition {number} ends at byte {end}, behind the usable end of the disk at byte {limit}; \
                 is the image cut off?"
            )
        } else if start < usable.start {
            format!(
                "partition {number} starts at byte {start}, in the partition table, which ends at byte {}",
                usable.start
            )
        } else {
            return Ok(());
        },
    ))
}

fn disjoint(mut spans: Vec<(u32, Range<u64>)>) -> Result<(), TableError> {
    spans.sort_by_key(|(number, span)| (span.start, *number));
    let overlaps = |pair: &&[(u32, Range<u64>)]| pair[1].1.start < pair[0].1.end;
    match spans.windows(2).find(overlaps) {
        None => Ok(()),
        Some(pair) => Err(TableError::Unusable(format!(
            "partition {} starts at byte {}, inside partition {}",
            pair[1].0, pair[1].1.start, pair[0].0
        ))),
    }
}
