//! Whether the partitions of a table can all be there: the same for a table that was read and for
//! one that is to be written.

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
    let is_logical = |it: &&Partition| matches!(it.entry, Entry::Logical { .. });
    let (logical, primary): (Vec<&Partition>, Vec<&Partition>) =
        partitions.iter().partition(is_logical);
    let extended: Vec<_> = primary.iter().filter(|it| it.is_extended()).collect();
    let mut spans: Vec<(u32, Range<u64>)> = Vec::new();
    for partition in logical {
        let Entry::Logical { link, .. } = partition.entry else {
            unreachable!("only logical ones are here")
        };
        let (number, link) = (partition.number, link.0);
        let (start, end) = (link, partition.end().0);
        if partition.start.0 <= link {
            let start = partition.start.0;
            return Err(TableError::BeforeLink {
                number,
                start,
                link,
            });
        }
        let contains = |it: &&&Partition| it.start.0 <= start && end <= it.end().0;
        if !extended.iter().any(contains) {
            return Err(TableError::NotInExtended { number, start, end });
        }
        spans.push((number, partition.start.0..end));
        spans.push((number, link..link + sector.bytes()));
    }
    disjoint(spans)?;
    disjoint(
        primary
            .iter()
            .map(|it| (it.number, it.start.0..it.end().0))
            .collect(),
    )
}

fn within(partition: &Partition, sector: Sector, usable: &Range<u64>) -> Result<(), TableError> {
    let (number, start, len) = (partition.number, partition.start.0, partition.len.0);
    let sector = sector.bytes();
    if len == 0 || !start.is_multiple_of(sector) || !len.is_multiple_of(sector) {
        return Err(TableError::Sectors {
            number,
            start,
            len,
            sector,
        });
    }
    let (end, limit) = (start.saturating_add(len), usable.end);
    if end > limit {
        return Err(TableError::Outside { number, end, limit });
    }
    let limit = usable.start;
    if start < limit {
        return Err(TableError::InTable {
            number,
            start,
            limit,
        });
    }
    Ok(())
}

fn disjoint(mut spans: Vec<(u32, Range<u64>)>) -> Result<(), TableError> {
    spans.sort_by_key(|(number, span)| (span.start, *number));
    match spans
        .windows(2)
        .find(|pair| pair[1].1.start < pair[0].1.end)
    {
        None => Ok(()),
        Some(pair) => Err(TableError::Overlap {
            first: pair[0].0,
            second: pair[1].0,
            at: pair[1].1.start,
        }),
    }
}
