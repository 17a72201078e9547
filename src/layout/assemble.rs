//! Puts tables, blobs and partition contents where a layout says.

use super::{Entry, Layout, Table};
use crate::disk::image::{Image, ImageError, Region, Source};
use crate::disk::{Extent, gpt, mbr};
use crate::units::{Bytes, Lba};
use std::collections::BTreeMap;

/// Contents that do not fit the layout they are for.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A blob has no content.
    #[error("blob `{0}` of the layout has no content")]
    NoBlob(String),
    /// Content for a blob or a partition that the layout does not have.
    #[error("there is content for `{0}`, which the layout does not have")]
    Unknown(String),
    /// A filesystem is longer than its partition.
    #[error("the content of partition `{partition}` has {} bytes, the partition only {}", .found.0, .room.0)]
    TooLong {
        /// The partition.
        partition: String,
        /// Length of the content.
        found: Bytes,
        /// Length of the partition.
        room: Bytes,
    },
    /// Regions overlap.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// The whole disk. A partition without content, or the rest of one, is zeros; every blob must have
/// its source, of which the layout's length is used.
pub fn assemble(
    layout: &Layout,
    mut partitions: BTreeMap<String, Image>,
    mut blobs: BTreeMap<String, Source>,
) -> Result<Image, AssembleError> {
    let mut regions = tables(layout);
    for blob in &layout.blobs {
        let source = blobs.remove(&blob.id);
        regions.push(Region {
            start: blob.offset.0,
            len: blob.len.0,
            source: source.ok_or_else(|| AssembleError::NoBlob(blob.id.clone()))?,
        });
    }
    for placed in &layout.partitions {
        let Some(content) = partitions.remove(&placed.name) else {
            continue;
        };
        let (found, room) = (Bytes(content.len()), Lba(placed.extent.n_sectors).bytes());
        if found > room {
            let partition = placed.name.clone();
            return Err(AssembleError::TooLong {
                partition,
                found,
                room,
            });
        }
        let start = placed.extent.start.bytes().0;
        let shifted = content
            .into_regions()
            .into_iter()
            .map(|region| region.shifted(start));
        regions.extend(shifted.filter(|region| region.source != Source::Zeros));
    }
    if let Some(unknown) = partitions.into_keys().chain(blobs.into_keys()).next() {
        return Err(AssembleError::Unknown(unknown));
    }
    Ok(Image::new(layout.len.0, regions)?)
}

fn tables(layout: &Layout) -> Vec<Region> {
    match layout.table {
        Table::Mbr { disk_id } => {
            let entries = entries(layout, |entry| match entry {
                Entry::Mbr(entry) => Some(*entry),
                Entry::Gpt(_) => None,
            });
            vec![mbr::table(disk_id, &entries)]
        }
        Table::Gpt { disk_guid } => {
            let entries = entries(layout, |entry| match entry {
                Entry::Gpt(entry) => Some(entry.clone()),
                Entry::Mbr(_) => None,
            });
            gpt::tables(layout.len, &disk_guid, &entries)
        }
    }
}

fn entries<T>(layout: &Layout, own: impl Fn(&Entry) -> Option<T>) -> Vec<(Extent, T)> {
    let entry = |entry| own(entry).expect("layout checked: each entry is of its table's kind");
    let placed = layout.partitions.iter();
    placed
        .map(|placed| (placed.extent, entry(&placed.entry)))
        .collect()
}
