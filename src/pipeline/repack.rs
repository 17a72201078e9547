//! The filesystems of a base image with the files of the finished tree.
//!
//! ```text
//! a filesystem that is unchanged   as it was
//! a FAT with other files           made anew in the same shape
//! an ext4 with other files         made anew with the same identity; the root longer where it must be
//! ```
//!
//! Everything outside of them stays, as far as `layout` does not have to move it. Disk id, partition numbers,
//! types and ids never change.

use super::context::BuildContext;
use super::disk::{Disk, DiskError};
use super::root::Root;
use crate::base::Opened;
use crate::base::open::{Format, Volume};
use crate::disk::image::Image;
use crate::disk::table::Partition;
use crate::event::{Event, Reporter};
use crate::fs::ext4::{self, Params};
use crate::fs::fat;
use crate::layout::{self, Existing};
use crate::plan::Plan;
use crate::tree::{self, Objects, Tree};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// Partitions that move stay aligned to this.
const ALIGNMENT: Bytes = Bytes::MIB;
/// A root that must be longer becomes longer by a multiple of this, so that erase blocks fit.
const GROWTH: Bytes = Bytes::mib(4);

/// The disk of `base` with the files of `root`.
pub(super) fn disk(
    plan: &Plan,
    context: &BuildContext<'_>,
    base: &Opened,
    root: Root,
) -> Result<Disk, DiskError> {
    let mut contents: BTreeMap<u32, Image> = BTreeMap::new();
    let mut grown = BTreeMap::new();
    let trees = base.unmount(root.tree)?;
    for (volume, tree) in base.volumes.iter().zip(trees).rev() {
        if tree::dump(&tree) == tree::dump(&volume.tree) {
            continue;
        }
        let partition = base.partition(volume);
        let image = sealed(plan, base, volume, &tree, context.reporter)?;
        if image.len() > partition.len.0 {
            grown.insert(volume.number, Bytes(image.len()));
        }
        contents.insert(volume.number, image);
    }
    let file = context.store.open(&base.disk)?;
    let start = layout::Start::Existing(Existing {
        table: base.table.clone(),
        disk: Image::of_object(base.disk, &file)?,
    });
    Ok(Disk {
        request: layout::Request {
            start,
            alignment: ALIGNMENT,
            grown,
            partitions: Vec::new(),
            blobs: Vec::new(),
        },
        contents,
        blobs: BTreeMap::new(),
    })
}

/// The filesystem of `volume`, made anew with the files of `tree`.
fn sealed(
    plan: &Plan,
    base: &Opened,
    volume: &Volume,
    tree: &Tree,
    reporter: &dyn Reporter,
) -> Result<Image, DiskError> {
    match &volume.format {
        Format::Fat(fat_volume) => {
            let sealed = fat::reseal(tree, fat_volume);
            sealed.map_err(|source| DiskError::Fat {
                partition: volume.number.to_string(),
                source,
            })
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
                partition: base.partition(volume),
                is_root: volume.mount == base.root().mount,
            };
            room.ext4(tree, (**params).clone())
        }
    }
}

/// Where an ext4 is to fit.
struct Room<'a> {
    plan: &'a Plan,
    partition: &'a Partition,
    is_root: bool,
}

impl Room<'_> {
    /// `tree` as an ext4 by `params`, as long as the partition or, for the root, longer.
    fn ext4(&self, tree: &Tree, mut params: Params) -> Result<Image, DiskError> {
        let failed = |source| DiskError::Ext4 {
            partition: self.partition.number.to_string(),
            source,
        };
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
