//! Puts tables, blobs and the contents of partitions at the addresses of a layout.

use super::Layout;
use super::request::Existing;
use crate::disk::image::{Image, ImageError, Region, Source};
use crate::disk::table::{Partition, TableError};
use crate::units::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;

/// The length at both ends of a partition that is never free. Programs that identify a partition look there: blkid and
/// the kernel for the superblocks of RAID, LVM, ZFS and other filesystems, of which those that the card held before
/// must not be left. mke2fs(8) wipes these places too. The furthest from an end is a label of ZFS, at 512 KiB.
const EDGE: u64 = 1 << 20;

/// Why contents do not fit their layout.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A blob has no content.
    #[error("blob `{0}` of the layout has no content")]
    NoBlob(String),
    /// Content for a blob or a partition that the layout does not have.
    #[error("there is content for `{0}`, which the layout does not have")]
    Unknown(String),
    /// A filesystem is longer than its partition.
    #[error("the content of partition {number} has {} bytes, the partition only {}", .found.0, .room.0)]
    TooLong {
        /// Number of the partition.
        number: u32,
        /// Length of the content.
        found: Bytes,
        /// Length of the partition.
        room: Bytes,
    },
    /// The table cannot be written.
    #[error("cannot write the partition table")]
    Table(#[from] TableError),
    /// Regions overlap.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Makes the whole disk. `contents` are by the number of their partition. A partition without content keeps
/// its bytes on an existing disk, and is zeros on a new one. If a content is shorter than its partition, zeros
/// follow it. Every blob must have a source, of which as many bytes are used as the layout says.
///
/// Only space within a filesystem is free. What lies between partitions must be zero, because firmware reads there: a
/// boot loader looks for its environment, another stage or a table at places that it knows.
///
/// # Errors
///
/// A blob has no source, a content fits no partition, or the table cannot be written.
pub fn assemble(
    layout: &Layout,
    mut contents: BTreeMap<u32, Image>,
    mut blobs: BTreeMap<String, Source>,
) -> Result<Image, AssembleError> {
    let mut regions = match layout.keeps_table() {
        true => Vec::new(),
        false => layout.table.regions(layout.len)?,
    };
    for blob in &layout.blobs {
        let source = blobs.remove(&blob.id);
        regions.push(Region {
            start: blob.offset.0,
            len: blob.len.0,
            source: source.ok_or_else(|| AssembleError::NoBlob(blob.id.clone()))?,
        });
    }
    let mut decided: Vec<Range<u64>> = regions.iter().map(|it| it.start..it.end()).collect();
    let partitions = layout.table.partitions.iter();
    for partition in partitions.filter(|partition| !partition.is_extended()) {
        let start = partition.start.0;
        decided.push(start..partition.end().0);
        let content = match (contents.remove(&partition.number), &layout.existing) {
            (Some(content), _) => fitted(partition, content)?,
            (None, Some(existing)) => existing.content(partition.number, start),
            (None, None) => Vec::new(),
        };
        regions.extend(content.into_iter().map(|it| away_from_edges(it, partition)));
    }
    let numbers = contents.keys().map(|number| format!("partition {number}"));
    if let Some(unknown) = numbers.chain(blobs.into_keys()).next() {
        return Err(AssembleError::Unknown(unknown));
    }
    if let Some(existing) = &layout.existing {
        for gap in gaps(decided, existing.fixed(layout)) {
            regions.extend(existing.disk.slice(gap.clone(), gap.start));
        }
    }
    Ok(Image::new(layout.len.0, regions)?)
}

/// The regions of `content`, moved to `partition`.
fn fitted(partition: &Partition, content: Image) -> Result<Vec<Region>, AssembleError> {
    let (found, room) = (Bytes(content.len()), partition.len);
    if found > room {
        let number = partition.number;
        return Err(AssembleError::TooLong {
            number,
            found,
            room,
        });
    }
    Ok(content.slice(0..found.0, partition.start.0))
}

/// `region` of `partition`; if it is free, without what lies at an end of the partition.
fn away_from_edges(region: Region, partition: &Partition) -> Region {
    if region.source != Source::Free {
        return region;
    }
    let first = partition.start.0.saturating_add(EDGE);
    let last = partition.end().0.saturating_sub(EDGE);
    Region::free(region.start.max(first)..region.end().min(last))
}

/// The spans before `end` that are not in `decided`.
fn gaps(mut decided: Vec<Range<u64>>, end: u64) -> Vec<Range<u64>> {
    decided.sort_by_key(|range| range.start);
    let mut gaps = Vec::new();
    let mut at = 0;
    for range in decided.into_iter().chain([end..end]) {
        let gap = at..range.start.min(end);
        if !gap.is_empty() {
            gaps.push(gap);
        }
        at = at.max(range.end);
    }
    gaps
}

impl Existing {
    /// The old content of partition `number`, as regions from `to` on.
    fn content(&self, number: u32, to: u64) -> Vec<Region> {
        let mut partitions = self.table.partitions.iter();
        let before = partitions.find(|partition| partition.number == number);
        before.map_or_else(Vec::new, |before| {
            self.disk.slice(before.start.0..before.end().0, to)
        })
    }

    /// Where the first partition starts that is longer in `layout`. Everything before this byte stays in its
    /// place. If there is none, that is where the second copy of a GPT begins, which is not kept if the table is
    /// written anew.
    fn fixed(&self, layout: &Layout) -> u64 {
        let longer = |before: &&Partition| {
            let mut partitions = layout.table.partitions.iter();
            partitions.any(|after| after.number == before.number && after.len > before.len)
        };
        let longer = self.table.partitions.iter().filter(longer);
        let starts = longer.map(|partition| partition.start.0);
        let table = match layout.keeps_table() {
            true => 0,
            false => self.table.copy_len().0,
        };
        (starts.min()).unwrap_or_else(|| self.disk.len().saturating_sub(table))
    }
}
