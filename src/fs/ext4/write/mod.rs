//! ext4, written in one pass: from a tree to regions, without reading any file's content.
//!
//! ```text
//! Tree → Inventory (inode numbers, links, directory shapes) ─┐
//! Params → Geometry (groups, where their tables lie) ────────┼→ Plan (blocks) → Image
//! ```
//!
//! ext4 has no checksums over file data, so all metadata is known before any content is. Equal
//! trees and parameters give equal bytes. Modification times are the tree's; the other times of
//! an inode are the same, except for its creation, which is the epoch.
//!
//! The filesystem grows online: descriptors for its later groups are reserved (`resize_inode`), so
//! that no kernel turns it to `meta_bg`, which U-Boot does not read.

mod alloc;
mod bitmap;
mod data;
mod descriptor;
mod dir;
mod entry;
mod error;
mod extent;
mod geometry;
mod htree;
mod inode;
mod inventory;
mod journal;
mod order;
pub(super) mod params;
mod plan;
mod resize;
mod seal;
mod share;
pub(super) mod sizes;
mod superblock;
mod xattr;

pub use error::Ext4Error;
pub use params::{Features, Params};
pub use xattr::XattrError;

use crate::disk::image::Image;
use crate::epoch::Timestamp;
use crate::tree::{Kind, Meta, Node, Origin, Tree};
use geometry::Geometry;
use inventory::Inventory;
use params::{LEAST_BYTES_PER_INODE, LEAST_JOURNAL, MOST_RESERVED_PERCENT};
use plan::Plan;
use sizes::BLOCK_BYTES;
use std::collections::BTreeMap;

/// Returns the least length in bytes of a partition that holds `tree`, whatever `params.len` is. It
/// has no room for later files; the caller adds to it.
///
/// # Errors
/// Fails if ext4 cannot hold a node of `tree`, or if `params` allow no filesystem.
pub fn measure(tree: &Tree, params: &Params) -> Result<u64, Ext4Error> {
    check(params)?;
    let lost_found = lost_found(params);
    let inventory = Inventory::new(tree, &lost_found, params)?;
    smallest(&inventory, params)
}

/// Decides every byte of a filesystem of `params.len` bytes that holds `tree`.
///
/// # Errors
/// Fails as [`measure`] does, or if `tree` does not fit.
pub fn seal(tree: &Tree, params: &Params) -> Result<Image, Ext4Error> {
    check(params)?;
    if !params.len.is_multiple_of(BLOCK_BYTES) {
        return Err(Ext4Error::Length { len: params.len });
    }
    let lost_found = lost_found(params);
    let inventory = Inventory::new(tree, &lost_found, params)?;
    let geometry = Geometry::new(params.len / BLOCK_BYTES, inventory.last_ino(), params)?;
    let plan = geometry
        .ok()
        .map(|geometry| Plan::new(&inventory, geometry, params));
    match plan {
        Some(plan) if plan.excess() == 0 => Ok(seal::image(&inventory, &plan, params)?),
        _ => Err(Ext4Error::TooSmall {
            len: params.len,
            needed: smallest(&inventory, params)?,
        }),
    }
}

/// Tries lengths, each larger by at least as much as the one before was too small.
fn smallest(inventory: &Inventory<'_>, params: &Params) -> Result<u64, Ext4Error> {
    let mut n_blocks = inventory.n_blocks();
    loop {
        n_blocks = match Geometry::new(n_blocks, inventory.last_ino(), params)? {
            Err(more) => more.max(n_blocks + 1),
            Ok(geometry) => {
                let (filled, next_group) = (geometry.n_blocks, geometry.next_group_from());
                let excess = Plan::new(inventory, geometry, params).excess();
                if excess == 0 {
                    return Ok(filled * BLOCK_BYTES);
                }
                let larger = filled.saturating_add(excess);
                // A last group that is too short for its own tables is left out.
                if larger > n_blocks {
                    larger
                } else {
                    next_group
                }
            }
        }
    }
}

fn check(params: &Params) -> Result<(), Ext4Error> {
    let label = &params.label;
    if label.len() > 16 || label.contains(&0) {
        return Err(Ext4Error::Label {
            label: label.clone(),
        });
    }
    if let Some(blocks @ ..LEAST_JOURNAL) = params.features.journal_blocks {
        return Err(Ext4Error::Journal { blocks });
    }
    if params.reserved_percent > MOST_RESERVED_PERCENT {
        return Err(Ext4Error::Reserved {
            percent: params.reserved_percent,
        });
    }
    if params.bytes_per_inode < LEAST_BYTES_PER_INODE {
        return Err(Ext4Error::InodeRatio {
            bytes: params.bytes_per_inode,
        });
    }
    Ok(())
}

/// The directory `lost+found`, which e2fsck expects, for trees without one.
fn lost_found(params: &Params) -> Node {
    let meta = Meta::root(0o700, Timestamp::from(params.epoch));
    Node::new(Kind::Directory(BTreeMap::new()), meta, Origin::Builtin)
}

#[cfg(test)]
mod tests;
