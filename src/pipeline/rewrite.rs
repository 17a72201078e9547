//! A base image with other files: the same disk, except where something changed.
//!
//! ```text
//! every byte outside of filesystems   as it was, as slices of the base
//! a filesystem that is unchanged      as it was
//! a FAT with other files              made anew in the same shape
//! the root with other files           made anew with the same identity, longer where it must be
//! what lies behind a longer root      as it was, further back
//! ```
//!
//! Disk id, partition numbers, types and ids never change.

use crate::base::Opened;
use crate::base::open::Format;
use crate::disk::image::{Image, ImageError, Region, Source};
use crate::disk::table::{self, Partition, Table, TableError};
use crate::event::{Event, Reporter};
use crate::fs::ext4::{self, Ext4Error, Params};
use crate::fs::fat::{self, FatError};
use crate::plan::Plan;
use crate::store::Store;
use crate::tree::{self, Objects, Tree, TreeError};
use crate::units::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Partitions that move stay aligned to this.
const ALIGNMENT: Bytes = Bytes::MIB;
/// A root that must be longer becomes longer by a multiple of this, so that erase blocks fit.
const GROWTH: Bytes = Bytes::mib(4);

/// Why a base image cannot be written back.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The place where a partition is mounted has vanished.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The image would not find its own partitions.
    #[error(
        "`{file}` says `{reference}`, which no partition of the image is called, or not the root, which is \
         partition {root}; correct it in the base image, or in the overlay that brought it"
    )]
    Reference {
        /// The file.
        file: String,
        /// What it says.
        reference: String,
        /// The number of the root's partition.
        root: u32,
    },
    /// A filesystem does not take its new files.
    #[error("cannot make the ext4 of partition {number} anew")]
    Ext4 {
        /// The partition.
        number: u32,
        /// Why not.
        source: Ext4Error,
    },
    /// A FAT does not take its new files.
    #[error("cannot make the FAT of partition {number} anew")]
    Fat {
        /// The partition.
        number: u32,
        /// Why not.
        source: FatError,
    },
    /// Something behind the root cannot move.
    #[error(
        "the root filesystem needs {needed}, partition {number} has {len}, and cannot become longer: \
         it is a logical partition, or one lies behind it"
    )]
    NoRoom {
        /// The root's partition.
        number: u32,
        /// Its length.
        len: Bytes,
        /// What it needs.
        needed: Bytes,
    },
    /// The image is longer than the smallest disk that the board is meant for.
    #[error(
        "the image has {len}, more than the board's `min-size` of {min_size}; install less, or raise it"
    )]
    LargerThanBoard {
        /// Length of the image.
        len: Bytes,
        /// What the board says.
        min_size: Bytes,
    },
    /// The table cannot be written.
    #[error("cannot write the partition table")]
    Table(#[from] TableError),
    /// Regions overlap.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] io::Error),
}

/// The disk of `base` with the files of `root`, the composed tree.
pub(super) fn seal(
    plan: &Plan,
    store: &Store,
    base: &Opened,
    root: Tree,
    reporter: &dyn Reporter,
) -> Result<Image, RewriteError> {
    let mut rewritten: BTreeMap<u32, Image> = BTreeMap::new();
    let trees = base.unmount(root)?;
    for (volume, tree) in base.volumes.iter().zip(trees).rev() {
        if tree::dump(&tree) == tree::dump(&volume.tree) {
            continue;
        }
        let partition = base.partition(volume);
        let image = match &volume.format {
            Format::Fat(kept) => {
                let number = volume.number;
                let sealed = fat::reseal(&tree, kept);
                sealed.map_err(|source| RewriteError::Fat { number, source })?
            }
            Format::Ext4 {
                params,
                differences,
            } => {
                for difference in differences {
                    reporter.report(Event::Note(format!(
                        "partition {}, made anew: {difference}",
                        volume.number
                    )));
                }
                let room = Room {
                    plan,
                    partition,
                    is_root: volume.mount == base.root().mount,
                };
                room.ext4(&tree, (**params).clone())?
            }
        };
        rewritten.insert(volume.number, image);
    }
    let layout = Layout::of(base, &rewritten)?;
    let min_size = plan.spec.board.disk.min_size;
    if layout.len > Bytes(base.len) && layout.len > min_size {
        let len = layout.len;
        return Err(RewriteError::LargerThanBoard { len, min_size });
    }
    assemble(store, base, &layout, rewritten)
}

/// Where an ext4 is to fit.
struct Room<'a> {
    plan: &'a Plan,
    partition: &'a Partition,
    is_root: bool,
}

impl Room<'_> {
    /// `tree` as an ext4 by `params`, as long as the partition or, for the root, longer.
    fn ext4(&self, tree: &Tree, mut params: Params) -> Result<Image, RewriteError> {
        let number = self.partition.number;
        let failed = |source| RewriteError::Ext4 { number, source };
        params.epoch = self.plan.epoch();
        let page = Bytes(4096);
        params.len = self.partition.len.0 / page.0 * page.0;
        let needed = ext4::measure(tree, &params).map_err(failed)?;
        let margin = if self.is_root {
            self.plan.spec.root_margin.0
        } else {
            0
        };
        let wanted = Bytes(needed.saturating_add(margin));
        if wanted.0 > params.len && self.is_root {
            let longer = wanted.align_up(GROWTH).unwrap_or(wanted);
            params.len = longer.0;
        }
        ext4::seal(tree, &params).map_err(failed)
    }
}

/// Where everything lies on the new disk.
struct Layout {
    len: Bytes,
    table: Table,
    /// Whether the table is another one than before.
    changed: bool,
    /// Everything of the old disk that lies before this stays where it is.
    fixed: u64,
}

impl Layout {
    /// The old layout, changed where a filesystem of `rewritten` is longer than its partition.
    fn of(base: &Opened, rewritten: &BTreeMap<u32, Image>) -> Result<Self, RewriteError> {
        let mut layout = Self {
            len: Bytes(base.len),
            table: base.table.clone(),
            changed: false,
            fixed: base.len,
        };
        let longer = rewritten.iter().find_map(|(number, image)| {
            let mut partitions = base.table.partitions.iter();
            let partition = partitions.find(|partition| partition.number == *number)?;
            (image.len() > partition.len.0).then_some((partition, image.len()))
        });
        let Some((partition, needed)) = longer else {
            return Ok(layout);
        };
        let no_room = || RewriteError::NoRoom {
            number: partition.number,
            len: partition.len,
            needed: Bytes(needed),
        };
        let logical = |it: &Partition| matches!(it.entry, table::Entry::Logical { .. });
        let behind = |it: &&Partition| it.start.0 >= partition.end().0;
        let mut moving = base.table.partitions.iter().filter(behind);
        if logical(partition) || moving.any(|it| it.is_extended() || logical(it)) {
            return Err(no_room());
        }
        let by = Bytes(needed - partition.len.0)
            .align_up(ALIGNMENT)
            .ok_or_else(no_room)?;
        for entry in &mut layout.table.partitions {
            if entry.number == partition.number {
                entry.len = Bytes(needed);
            } else if entry.start.0 >= partition.end().0 {
                entry.start = Bytes(entry.start.0.saturating_add(by.0));
            }
        }
        layout.len = Bytes(base.len.saturating_add(by.0));
        layout.changed = true;
        layout.fixed = partition.start.0;
        Ok(layout)
    }
}

fn assemble(
    store: &Store,
    base: &Opened,
    layout: &Layout,
    mut rewritten: BTreeMap<u32, Image>,
) -> Result<Image, RewriteError> {
    let old = Kept { store, base };
    let mut regions = Vec::new();
    // What is decided already, ascending; the rest before `fixed` stays as it was.
    let mut decided: Vec<Range<u64>> = Vec::new();
    if layout.changed {
        let table = layout.table.regions(layout.len)?;
        decided.extend(table.iter().map(|region| region.start..region.end()));
        regions.extend(table);
    }
    let partitions = base.table.partitions.iter().zip(&layout.table.partitions);
    for (before, after) in partitions.filter(|(before, _)| !before.is_extended()) {
        let start = after.start.0;
        decided.push(start..after.end().0);
        match rewritten.remove(&after.number) {
            None => regions.extend(old.slices(before.start.0..before.end().0, start)?),
            Some(image) => {
                let shifted = image.into_regions().into_iter();
                let shifted = shifted.map(|region| region.shifted(start));
                regions.extend(shifted.filter(|region| region.source != Source::Zeros));
            }
        }
    }
    decided.sort_by_key(|range| range.start);
    let mut at = 0;
    let end = layout.fixed..layout.fixed;
    for range in decided.into_iter().chain([end]) {
        let gap = at..range.start.min(layout.fixed);
        if gap.start < gap.end {
            regions.extend(old.slices(gap.clone(), gap.start)?);
        }
        at = at.max(range.end);
    }
    Ok(Image::new(layout.len.0, regions)?)
}

/// Bytes of the base that stay.
struct Kept<'a> {
    store: &'a Store,
    base: &'a Opened,
}

impl Kept<'_> {
    /// The bytes `range` of the base, from `to` on; its holes are left out.
    fn slices(&self, range: Range<u64>, to: u64) -> Result<Vec<Region>, io::Error> {
        use rustix::fs::SeekFrom;
        let file = self.store.open(&self.base.disk)?;
        let mut regions = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let data = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
                Ok(data) => data.min(range.end),
                // Nothing but a hole to the end of the file.
                Err(rustix::io::Errno::NXIO) => break,
                // This filesystem does not know of holes.
                Err(_) => at,
            };
            let hole = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap_or(range.end);
            let hole = hole.min(range.end).max(data);
            if hole > data {
                regions.push(Region {
                    start: to + (data - range.start),
                    len: hole - data,
                    source: Source::Object {
                        object: self.base.disk,
                        offset: data,
                    },
                });
            }
            at = hole.max(data + u64::from(hole == data));
        }
        Ok(regions)
    }
}
