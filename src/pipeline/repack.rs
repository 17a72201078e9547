//! Puts the files of the finished tree into the filesystems of a base image.
//!
//! ```text
//! unchanged filesystem         stays as it was; zeros in what it says is free need not be written to a card
//! FAT with changed files       is made anew with the same geometry
//! ext4 with changed files      is made anew with the same features and ids; the root is made longer if necessary
//! ```
//!
//! Everything outside of the filesystems stays, unless `layout` has to move it. The disk id and the numbers, types and
//! ids of partitions never change.

use super::context::BuildContext;
use super::disk::{Disk, DiskError};
use super::root::Root;
use crate::base::Opened;
use crate::base::open::{Format, Volume};
use crate::disk::image::Image;
use crate::event::{Event, Reporter};
use crate::fs::ext4::{self, Ext4Error, Params};
use crate::fs::fat;
use crate::layout::{self, Existing};
use crate::plan::Plan;
use crate::tree::{self, Objects, Tree};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// The alignment of partitions that are moved.
const ALIGNMENT: Bytes = Bytes::MIB;
/// The alignment of the length of a root that becomes longer, so that it ends at an erase block of the card.
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
    let mut free = Vec::new();
    let trees = base.unmount(root.tree)?;
    for (volume, tree) in base.volumes.iter().zip(trees).rev() {
        if tree::dump(&tree) == tree::dump(&volume.tree) {
            free.extend(volume.free.iter().cloned());
            continue;
        }
        let partition = base.partition(volume);
        let image = sealed(plan, base, volume, &tree, context.reporter)?;
        if image.len() > partition.len.0 {
            grown.insert(volume.number, Bytes(image.len()));
        }
        contents.insert(volume.number, image);
    }
    free.sort_by_key(|span| span.start);
    let file = context.store.open(&base.disk)?;
    let start = layout::Start::Existing(Existing {
        table: base.table.clone(),
        disk: Image::of_object(base.disk, &file)?.with_free(&free),
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
    let partition = volume.number.to_string();
    match &volume.format {
        Format::Fat(fat_volume) => {
            fat::reseal(tree, fat_volume).map_err(|source| DiskError::Fat { partition, source })
        }
        Format::Ext4 {
            params,
            differences,
        } => {
            for difference in differences {
                let words = format!("partition {partition}, made anew: {difference}");
                reporter.report(Event::Note(words));
            }
            let margin = (volume.mount == base.root().mount).then_some(plan.spec.root_margin);
            let mut params = (**params).clone();
            params.epoch = plan.epoch();
            ext4(tree, params, base.partition(volume).len, margin)
                .map_err(|source| DiskError::Ext4 { partition, source })
        }
    }
}

/// `tree` as an ext4 by `params`, as long as its partition. With a `margin`, it becomes longer if the files and the
/// margin do not fit.
fn ext4(
    tree: &Tree,
    mut params: Params,
    partition: Bytes,
    margin: Option<Bytes>,
) -> Result<Image, Ext4Error> {
    const PAGE: u64 = 4096;
    params.len = partition.0 / PAGE * PAGE;
    let needed = ext4::measure(tree, &params)?;
    if let Some(margin) = margin {
        let wanted = Bytes(needed.saturating_add(margin.0));
        if wanted.0 > params.len {
            params.len = wanted.align_up(GROWTH).unwrap_or(wanted).0;
        }
    }
    ext4::seal(tree, &params)
}
