//! The parts of a disk: partitions, the table, blobs, and the gaps between these.

use crate::define::board::BlobPlace;
use crate::disk::device::Device;
use crate::disk::mbr;
use crate::disk::table::{Kind, OnDisk, Table};
use crate::inventory::{Inventory, Partition};
use crate::units::SECTOR_SIZE;
use std::ops::Range;

/// A part of a disk.
#[derive(Clone, Debug)]
pub(super) struct DiskPart<'a> {
    pub(super) range: Range<u64>,
    pub(super) name: String,
    pub(super) partition: Option<&'a Partition>,
}

/// The parts of `disk`, of which `inventory` lists partitions and blobs. They cover it, ascending and without overlap.
pub(super) fn parts<'a>(disk: &dyn Device, inventory: &'a Inventory) -> Vec<DiskPart<'a>> {
    let mut claimed: Vec<DiskPart<'a>> = Vec::new();
    let table = match OnDisk::read(disk) {
        Ok(OnDisk::Partitions(table)) => Some(table),
        Ok(OnDisk::Bare(_)) | Err(_) => None,
    };
    let mut claim = |range: Range<u64>, name: String, partition| {
        claimed.push(DiskPart {
            range,
            name,
            partition,
        });
    };
    for partition in &inventory.partitions {
        let is_extended = |table: &Table| {
            let mut partitions = table.partitions.iter();
            partitions.any(|it| it.number == partition.number && it.is_extended())
        };
        if !table.as_ref().is_some_and(is_extended) {
            let start = partition.start.0;
            let name = content(partition, inventory);
            claim(start..start + partition.len.0, name, Some(partition));
        }
    }
    for (range, name) in table.iter().flat_map(|table| tables(table, disk.len())) {
        claim(range, name.to_owned(), None);
    }
    for written in &inventory.blobs {
        if let BlobPlace::Offset(offset) = &written.blob.place {
            let name = format!("blob `{}`", written.blob.name);
            claim(offset.0..offset.0 + written.len.0, name, None);
        }
    }
    claim(
        0..mbr::TABLE_START,
        "boot code of sector 0".to_owned(),
        None,
    );
    covered(claimed, disk.len())
}

/// What is in `partition` if it has no filesystem.
fn content(partition: &Partition, inventory: &Inventory) -> String {
    let is_in = |place: &BlobPlace| match place {
        BlobPlace::Partition(name) => partition.name.as_ref() == Some(name),
        BlobPlace::Offset(_) => false,
    };
    let mut blobs = inventory.blobs.iter();
    match blobs.find(|written| is_in(&written.blob.place)) {
        Some(written) => format!("blob `{}`", written.blob.name),
        None => "content".to_owned(),
    }
}

/// The spans of `table` on a disk of `len` bytes.
fn tables(table: &Table, len: u64) -> Vec<(Range<u64>, &'static str)> {
    let mut spans = vec![(mbr::TABLE_START..SECTOR_SIZE, "partition table in sector 0")];
    if let Kind::Gpt { .. } = table.kind {
        let (sector, copy) = (table.sector.bytes(), table.copy_len().0);
        spans.push((sector..sector + copy, "GPT"));
        spans.push((len.saturating_sub(copy)..len, "copy of the GPT"));
    }
    spans
}

/// The parts of `claimed` in order, each without what an earlier one has, and the gaps between them.
fn covered(mut claimed: Vec<DiskPart<'_>>, len: u64) -> Vec<DiskPart<'_>> {
    claimed.sort_by_key(|part| (part.range.start, part.range.end));
    let mut covered: Vec<DiskPart<'_>> = Vec::new();
    let mut at = 0;
    for part in claimed {
        let range = part.range.start.max(at)..part.range.end.min(len);
        if range.is_empty() {
            continue;
        }
        if range.start > at {
            let name = gap(covered.last(), Some(&part));
            covered.push(DiskPart {
                range: at..range.start,
                name,
                partition: None,
            });
        }
        at = range.end;
        covered.push(DiskPart { range, ..part });
    }
    if at < len {
        covered.push(DiskPart {
            range: at..len,
            name: gap(covered.last(), None),
            partition: None,
        });
    }
    covered
}

/// The name of the gap between two parts.
fn gap(before: Option<&DiskPart<'_>>, behind: Option<&DiskPart<'_>>) -> String {
    let name = |part: &DiskPart<'_>| match part.partition {
        Some(partition) => format!("partition {}", partition.number),
        None => format!("the {}", part.name),
    };
    match (before.map(name), behind.map(name)) {
        (Some(before), Some(behind)) => format!("gap between {before} and {behind}"),
        (Some(before), None) => format!("gap behind {before}"),
        (None, Some(behind)) => format!("gap before {behind}"),
        (None, None) => "disk".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_gaps_cover_a_disk_once() {
        let part = |range: Range<u64>, name: &str| DiskPart {
            range,
            name: name.to_owned(),
            partition: None,
        };
        let claimed = vec![part(40..60, "b"), part(10..20, "a"), part(15..30, "c")];
        let covered = covered(claimed, 100);
        let found = covered.iter().map(|part| (part.range.clone(), &*part.name));
        let found: Vec<_> = found.collect();
        let expected = [
            (0..10, "gap before the a"),
            (10..20, "a"),
            (20..30, "c"),
            (30..40, "gap between the c and the b"),
            (40..60, "b"),
            (60..100, "gap behind the b"),
        ];
        assert_eq!(found, expected);
    }
}
