//! The content of every block.
//!
//! ```text
//! group tables │ resize inode │ journal │ directories │ symlinks │ attributes │ files
//! ```
//!
//! Everything is placed in this order, ascending, without gaps, and within a kind in the order of
//! the tree; files in the order of the objects that hold them ([`order`]). So all blocks behind the
//! last file are free, except for the tables of later groups.

use super::alloc::Allocator;
use super::data::Run;
use super::extent;
use super::geometry::Geometry;
use super::inventory::{Body, Inventory};
use super::order;
use super::params::Params;
use std::ops::Range;

/// The blocks of one inode.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Its content, in order and without its holes.
    pub(super) runs: Vec<Run>,
    /// The nodes of its extent tree.
    pub(super) nodes: Vec<Range<u64>>,
}

impl Blocks {
    /// How many there are, without the block of its attributes, which other inodes may share.
    pub(super) fn len(&self) -> u64 {
        let content = self.runs.iter().map(|run| &run.blocks);
        let all = content.chain(&self.nodes);
        all.map(|blocks| blocks.end - blocks.start).sum()
    }
}

/// A filesystem with every block decided.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) geometry: Geometry,
    /// The double-indirect block of the resize inode.
    pub(super) resize: u64,
    pub(super) journal: Blocks,
    /// The blocks of each item of the inventory.
    pub(super) items: Vec<Blocks>,
    /// Where each block of attributes of the inventory lies.
    pub(super) xattr_blocks: Vec<u64>,
    /// The block from which on all blocks are free or reserved.
    pub(super) end: u64,
}

impl Plan {
    /// Places everything, even behind the end of the filesystem: see [`Plan::excess`].
    pub(super) fn new(inventory: &Inventory<'_>, geometry: Geometry, params: &Params) -> Self {
        let mut free = Allocator::new(&geometry.reserved);
        let resize = free.take(1)[0].start;
        let n_journal = params.features.journal_blocks.map_or(0, u64::from);
        let journal = take_content(&mut free, [0..n_journal]);
        let mut items: Vec<Blocks> = Vec::new();
        items.resize_with(inventory.items.len(), Blocks::default);

        let mut place = |free: &mut Allocator<'_>, wanted: fn(&Body<'_>) -> bool| {
            for (blocks, item) in items.iter_mut().zip(&inventory.items) {
                if wanted(&item.body) {
                    *blocks = take_content(free, item.body.data());
                }
            }
        };
        place(&mut free, |body| matches!(body, Body::Directory(_)));
        place(&mut free, |body| matches!(body, Body::LongSymlink(_)));
        let xattr_blocks = free.take(inventory.xattr_blocks.len() as u64);
        for index in order::of_files(&inventory.items) {
            items[index] = take_content(&mut free, inventory.items[index].body.data());
        }
        let end = free.end();
        Self {
            geometry,
            resize,
            journal,
            items,
            xattr_blocks: xattr_blocks.into_iter().flatten().collect(),
            end,
        }
    }

    /// By how many blocks the filesystem is too short.
    pub(super) fn excess(&self) -> u64 {
        self.end.saturating_sub(self.geometry.n_blocks)
    }
}

/// Places the `data` blocks of one inode's content, then the nodes of its extent tree.
fn take_content(free: &mut Allocator<'_>, data: impl IntoIterator<Item = Range<u64>>) -> Blocks {
    let mut runs = Vec::new();
    for part in data {
        let mut file_block = part.start;
        for blocks in free.take(part.end - part.start) {
            let len = blocks.end - blocks.start;
            runs.push(Run { file_block, blocks });
            file_block += len;
        }
    }
    let nodes = free.take(extent::n_nodes(&runs));
    Blocks { runs, nodes }
}
