//! The bytes of two disks that belong to no file: the partition table, the boot code, the gaps between partitions, and
//! what filesystems keep for themselves.

use super::content::first_difference;
use crate::inspect::{Image, InspectError, PartitionEntry, Report};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The boot code of an MBR, which ends where the disk id begins.
const BOOT_CODE: u64 = 440;
/// The bytes of the entries of a GPT, 128 of 128 bytes.
const GPT_ENTRIES: u64 = 16 << 10;
/// The types of partitions that only hold other partitions.
const EXTENDED: [&str; 3] = ["5", "f", "85"];

/// Bytes that differ although nothing else says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BytesChange {
    /// The name of the place.
    pub place: String,
    /// The first byte that differs, counted from the start of the first disk.
    pub first: u64,
}

/// A range of bytes that both disks have.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    place: String,
    before: u64,
    after: u64,
    len: u64,
}

/// A disk and its report.
pub(super) type Disk<'a> = (&'a Image, &'a Report);

/// Whether two whole disks have the same bytes.
///
/// # Errors
///
/// One of them cannot be read.
pub(super) fn is_equal(before: &Image, after: &Image) -> Result<bool, InspectError> {
    let len = before.device().len();
    if len != after.device().len() {
        return Ok(false);
    }
    let first = first_difference((before, 0), (after, 0), len);
    first
        .map(|first| first.is_none())
        .map_err(|source| InspectError::Content {
            path: format!(
                "{}` and `{}",
                before.path().display(),
                after.path().display()
            ),
            source,
        })
}

/// The differences in partitions, by number, apart from those that are `changed` anyway. Partitions of different
/// lengths are passed over, because their lengths say that they differ.
pub(super) fn partitions(
    before: Disk<'_>,
    after: Disk<'_>,
    changed: &BTreeSet<u32>,
    faults: &mut Vec<String>,
) -> Vec<BytesChange> {
    let others = after.1.partitions.iter().map(|it| &it.entry);
    let others: BTreeMap<u32, &PartitionEntry> = others.map(|it| (it.number, it)).collect();
    let mut found = Vec::new();
    for partition in &before.1.partitions {
        let entry = &partition.entry;
        let other = others.get(&entry.number).filter(|it| it.size == entry.size);
        let Some(other) = other.filter(|_| !is_extended(entry)) else {
            continue;
        };
        let place = match entry.number {
            0 => "the filesystem, outside its files".to_owned(),
            number => format!("partition {number}, outside its files"),
        };
        let range = Range {
            place,
            before: entry.start,
            after: other.start,
            len: entry.size,
        };
        if !changed.contains(&entry.number) {
            found.extend(range.change(before.0, after.0, faults));
        }
    }
    found
}

/// The differences outside of partitions. The bytes of the table itself are compared if `with_table` is set.
pub(super) fn gaps(
    before: Disk<'_>,
    after: Disk<'_>,
    with_table: bool,
    faults: &mut Vec<String>,
) -> Vec<BytesChange> {
    let ranges = ranges(before.1, after.1, with_table);
    let changes = ranges
        .iter()
        .filter_map(|it| it.change(before.0, after.0, faults));
    changes.collect()
}

impl Range {
    fn change(
        &self,
        before: &Image,
        after: &Image,
        faults: &mut Vec<String>,
    ) -> Option<BytesChange> {
        let ends = [
            (self.before, before.device().len()),
            (self.after, after.device().len()),
        ];
        // What lies behind the end of a disk is a fault of its report already.
        let lens = ends.map(|(start, end)| end.saturating_sub(start));
        let len = self.len.min(lens[0]).min(lens[1]);
        match first_difference((before, self.before), (after, self.after), len) {
            Ok(first) => first.map(|first| BytesChange {
                place: self.place.clone(),
                first: self.before + first,
            }),
            Err(error) => {
                faults.push(format!("cannot read {}: {error}", self.place));
                None
            }
        }
    }
}

/// The ranges outside of partitions that both disks have in the same place.
fn ranges(before: &Report, after: &Report, with_table: bool) -> Vec<Range> {
    let (Some(table), Some(other)) = (&before.table, &after.table) else {
        return Vec::new();
    };
    let (head, tail) = match table.label {
        "gpt" => (
            2 * table.sector_size + GPT_ENTRIES,
            table.sector_size + GPT_ENTRIES,
        ),
        _ => (table.sector_size, 0),
    };
    let mut ranges = vec![range("the boot code in the first sector", 0, BOOT_CODE)];
    if with_table {
        ranges.push(range("the partition table", BOOT_CODE, head));
    }
    let (filled, others) = (extents(before), extents(after));
    let same =
        filled == others && before.disk_size == after.disk_size && table.label == other.label;
    let mut at = head;
    for (number, start, end) in &filled {
        let place = format!("the gap before partition {number}");
        let start = match others.first() {
            Some((_, other, _)) if !same => (*start).min(*other),
            _ => *start,
        };
        ranges.push(range(&place, at, start));
        at = at.max(*end);
        // The first gap holds boot loaders; the others are in other places if the partitions are.
        if !same {
            return ranges;
        }
    }
    if same {
        let end = before.disk_size.saturating_sub(tail);
        ranges.push(range("the end of the disk", at, end));
        if with_table {
            ranges.push(range("the copy of the GPT", at.max(end), before.disk_size));
        }
    }
    ranges
}

fn range(place: &str, from: u64, to: u64) -> Range {
    Range {
        place: place.to_owned(),
        before: from,
        after: from,
        len: to.saturating_sub(from),
    }
}

/// The partitions that hold something themselves, in the order of their places.
fn extents(report: &Report) -> Vec<(u32, u64, u64)> {
    let entries = report.partitions.iter().map(|it| &it.entry);
    let entries = entries.filter(|it| !is_extended(it));
    let extents = entries.map(|it| (it.number, it.start, it.start.saturating_add(it.size)));
    let mut extents: Vec<_> = extents.collect();
    extents.sort_by_key(|(number, start, _)| (*start, *number));
    extents
}

fn is_extended(entry: &PartitionEntry) -> bool {
    EXTENDED.contains(&entry.kind.as_str())
}
