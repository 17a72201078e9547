//! From a plan to regions: inodes, directories and content; then bitmaps and descriptors, which
//! count them; last the superblocks.

use super::bitmap::Bitmap;
use super::data::{self, Run};
use super::descriptor::Descriptor;
use super::extent::{self, ExtentTree};
use super::geometry::Geometry;
use super::inode::Inode;
use super::inventory::{Body, Inventory, Item};
use super::params::Params;
use super::plan::{Blocks, Plan};
use super::sizes::{BLOCK_BYTES, BLOCKS_PER_GROUP, INODE_SIZE};
use super::superblock::{self, Free, JournalCopy};
use super::{journal, resize};
use crate::disk::image::{Image, ImageError, Region};
use crate::epoch::Timestamp;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::descriptor::{BG_BLOCK_UNINIT, BG_INODE_UNINIT, BG_INODE_ZEROED};
use crate::fs::ext4::format::field::{Le32, low32};
use crate::fs::ext4::format::inode::{
    EXT4_EXTENTS_FL, EXT4_INDEX_FL, I_BLOCK_LEN, JOURNAL_INO, RESIZE_INO, S_IFREG,
};
use crate::fs::ext4::format::superblock::OFFSET;
use crate::tree::{Content, Meta};
use std::ops::Range;
use std::sync::Arc;

/// The filesystem. The plan fits.
pub(super) fn image(
    inventory: &Inventory<'_>,
    plan: &Plan,
    params: &Params,
) -> Result<Image, ImageError> {
    let mut writer = Writer {
        inventory,
        plan,
        geometry: &plan.geometry,
        params,
        seed: params
            .features
            .metadata_csum
            .then(|| Seed::filesystem(&params.uuid)),
        regions: Vec::new(),
        inodes: vec![0; inventory.last_ino() as usize * INODE_SIZE],
        used_dirs: vec![0; plan.geometry.groups.len()],
    };
    writer.resize_inode();
    let journal = params
        .features
        .journal_blocks
        .map(|n_blocks| writer.journal(n_blocks));
    for (item, blocks) in inventory.items.iter().zip(&plan.items) {
        writer.item(item, blocks);
    }
    for (block, bytes) in inventory
        .xattr_blocks
        .write(&plan.xattr_blocks, writer.seed)
    {
        writer.block(block, bytes);
    }
    writer.inode_tables();
    writer.groups(journal);
    writer.free();
    Image::new(params.len, writer.regions)
}

struct Writer<'a> {
    inventory: &'a Inventory<'a>,
    plan: &'a Plan,
    geometry: &'a Geometry,
    params: &'a Params,
    seed: Option<Seed>,
    regions: Vec<Region>,
    /// All inodes up to the last that is used, from 1 on.
    inodes: Vec<u8>,
    used_dirs: Vec<u32>,
}

impl Writer<'_> {
    fn block(&mut self, block: u64, bytes: impl Into<Arc<[u8]>>) {
        self.regions.push(Region::bytes(block * BLOCK_BYTES, bytes));
    }

    /// Writes the data of `content` into `runs`. The rest of the last block stays zero.
    fn content(&mut self, content: &Content, runs: &[Run]) {
        data::regions(content, runs, |region| self.regions.push(region));
    }

    /// Returns the root of the extents of `blocks`. The nodes below it become regions.
    fn extents(&mut self, ino: u32, blocks: &Blocks) -> [u8; I_BLOCK_LEN] {
        let seed = self.seed.map(|seed| seed.inode(ino, 0));
        let node_blocks = blocks.nodes.iter().cloned().flatten();
        let ExtentTree { root, nodes } = ExtentTree::new(&blocks.runs, node_blocks, seed);
        for (block, bytes) in nodes {
            self.block(block, bytes);
        }
        root
    }

    fn inode(&mut self, inode: &Inode, write_rest: impl FnOnce(&mut [u8])) {
        let bytes = inode.write(self.params.epoch.into(), self.seed, write_rest);
        let at = (inode.ino as usize - 1) * INODE_SIZE;
        self.inodes[at..at + INODE_SIZE].copy_from_slice(&bytes);
    }

    fn item(&mut self, item: &Item<'_>, blocks: &Blocks) {
        let ino = item.ino;
        let mut i_flags = 0;
        let mut i_block = [0; I_BLOCK_LEN];
        let size = match &item.body {
            Body::Directory(directory) => {
                if directory.is_indexed() {
                    i_flags |= EXT4_INDEX_FL;
                }
                let group = (ino - 1) / self.geometry.inodes_per_group;
                self.used_dirs[group as usize] += 1;
                let bytes = directory.write(&self.inventory.style, self.seed);
                self.content(&Content::inline(&bytes), &blocks.runs);
                directory.n_blocks() * BLOCK_BYTES
            }
            Body::File(content) => {
                self.content(content, &blocks.runs);
                content.len()
            }
            Body::LongSymlink(target) => {
                self.content(&Content::inline(target), &blocks.runs);
                target.len() as u64
            }
            Body::ShortSymlink(target) => {
                i_block[..target.len()].copy_from_slice(target);
                target.len() as u64
            }
            Body::Special {
                i_block: number, ..
            } => {
                i_block = *number;
                0
            }
        };
        if matches!(
            item.body,
            Body::Directory(_) | Body::File(_) | Body::LongSymlink(_)
        ) {
            i_flags |= EXT4_EXTENTS_FL;
            i_block = self.extents(ino, blocks);
        }
        let xattr_block = item.xattr_block.map(|index| self.plan.xattr_blocks[index]);
        let inode = Inode {
            ino,
            i_mode: item.body.i_mode() | item.meta.mode & 0o7777,
            meta: item.meta,
            links: item.links,
            size,
            n_blocks: blocks.len() + u64::from(xattr_block.is_some()),
            i_flags,
            i_block,
            i_file_acl: xattr_block.unwrap_or(0),
        };
        self.inode(&inode, |rest| item.xattrs.write_inode(rest));
    }

    /// An inode without a name.
    fn hidden(&self, ino: u32) -> Inode {
        let meta = Meta::root(0o600, Timestamp::from(self.params.epoch));
        Inode {
            ino,
            i_mode: S_IFREG | meta.mode,
            meta,
            links: 1,
            size: 0,
            n_blocks: 0,
            i_flags: 0,
            i_block: [0; I_BLOCK_LEN],
            i_file_acl: 0,
        }
    }

    fn resize_inode(&mut self) {
        let (double, reserved) = resize::write(self.geometry);
        self.block(self.plan.resize, double);
        self.block(1 + self.geometry.n_descriptor_blocks, reserved);
        let mut inode = self.hidden(RESIZE_INO);
        inode.size = resize::SIZE;
        inode.n_blocks = resize::n_blocks(self.geometry);
        Le32(4 * 13).put(&mut inode.i_block, low32(self.plan.resize)); // double-indirect
        self.inode(&inode, |_| ());
    }

    fn journal(&mut self, n_blocks: u32) -> JournalCopy {
        let blocks = &self.plan.journal;
        self.block(
            blocks.runs[0].blocks.start,
            journal::superblock(n_blocks, &self.params.uuid),
        );
        let mut inode = self.hidden(JOURNAL_INO);
        inode.size = u64::from(n_blocks) * BLOCK_BYTES;
        inode.n_blocks = blocks.len();
        inode.i_flags = EXT4_EXTENTS_FL;
        inode.i_block = self.extents(JOURNAL_INO, blocks);
        self.inode(&inode, |_| ());
        JournalCopy {
            i_block: inode.i_block,
            size: inode.size,
        }
    }

    /// Behind the last inode the tables stay zeros: descriptors say that they are (`BG_INODE_ZEROED`), and without
    /// checksums they are read.
    fn inode_tables(&mut self) {
        let inodes = std::mem::take(&mut self.inodes);
        let per_group = self.geometry.inodes_per_group as usize * INODE_SIZE;
        for (group, table) in self.geometry.groups.iter().zip(inodes.chunks(per_group)) {
            self.regions
                .push(Region::bytes(group.inode_table * BLOCK_BYTES, table));
        }
    }

    fn groups(&mut self, journal: Option<JournalCopy>) {
        let mut descriptors = Vec::new();
        let mut free = Free {
            blocks: 0,
            inodes: 0,
        };
        for group in 0..self.geometry.groups.len() as u32 {
            let descriptor = self.group(group);
            free.blocks += u64::from(descriptor.free_blocks);
            free.inodes += descriptor.free_inodes;
            descriptors.extend(descriptor.write(group, self.geometry.descriptor_size, self.seed));
        }
        let descriptors: Arc<[u8]> = descriptors.into();
        for group in self.geometry.super_groups() {
            let start = group * BLOCKS_PER_GROUP;
            let bytes = superblock::write(group, self.geometry, free, journal, self.params);
            // The first kilobyte of a disk is a boot loader's.
            let offset = if group == 0 { OFFSET } else { 0 };
            self.regions
                .push(Region::bytes(start * BLOCK_BYTES + offset, bytes));
            self.block(start + 1, descriptors.clone());
        }
    }

    /// Everything behind the content is free, except for the tables of later groups. All that is before, among it the
    /// journal, the reserved descriptors and the ends of files' blocks, stays zero where nothing else was written.
    fn free(&mut self) {
        let end = self.geometry.n_blocks;
        let mut at = self.plan.end;
        for reserved in self.geometry.reserved.iter().chain([&(end..end)]) {
            if reserved.start > at {
                let span = at * BLOCK_BYTES..reserved.start.min(end) * BLOCK_BYTES;
                self.regions.push(Region::free(span));
            }
            at = at.max(reserved.end);
        }
    }

    /// Writes the bitmaps of a group, except those that the kernel makes from the geometry, and
    /// returns the descriptor of the group.
    fn group(&mut self, group: u32) -> Descriptor {
        let place = self.geometry.groups[group as usize];
        let (blocks, only_tables) = self.block_bitmap(group);
        let (inodes, n_used) = self.inode_bitmap(group);
        let mut descriptor = Descriptor {
            place,
            free_blocks: blocks.n_free(),
            free_inodes: inodes.n_free(),
            used_dirs: self.used_dirs[group as usize],
            itable_unused: 0,
            flags: 0,
            block_bitmap_csum: 0,
            inode_bitmap_csum: 0,
        };
        // The kernel relies on these fields only if descriptors have checksums.
        if self.seed.is_some() {
            descriptor.flags = BG_INODE_ZEROED;
            descriptor.itable_unused = self.geometry.inodes_per_group - n_used;
        }
        match self.seed {
            Some(_) if n_used == 0 => descriptor.flags |= BG_INODE_UNINIT,
            Some(seed) => {
                let len = self.geometry.inodes_per_group as usize / 8;
                descriptor.inode_bitmap_csum = seed.over(&[&inodes.bytes()[..len]]);
                self.block(place.inode_bitmap, inodes.bytes());
            }
            None => self.block(place.inode_bitmap, inodes.bytes()),
        }
        match self.seed {
            Some(_) if only_tables => descriptor.flags |= BG_BLOCK_UNINIT,
            Some(seed) => {
                descriptor.block_bitmap_csum = seed.over(&[blocks.bytes()]);
                self.block(place.block_bitmap, blocks.bytes());
            }
            None => self.block(place.block_bitmap, blocks.bytes()),
        }
        descriptor
    }

    /// Returns the bitmap, and whether the kernel can make it from the geometry: it can if only the
    /// copies of the superblock are used. The last group has a tail, so its bitmap is always
    /// written.
    fn block_bitmap(&self, group: u32) -> (Bitmap, bool) {
        let blocks = self.geometry.group_blocks(group.into());
        let within = |range: &Range<u64>| {
            let start = range.start.max(blocks.start);
            let end = range.end.min(blocks.end).max(start);
            start - blocks.start..end - blocks.start
        };
        let content = 0..self.plan.end;
        let used = self.geometry.reserved.iter().chain([&content]).map(within);
        let bitmap = Bitmap::new(blocks.end - blocks.start, used);
        let is_last = group as usize + 1 == self.geometry.groups.len();
        let copies = self
            .geometry
            .super_groups()
            .any(|with| with == u64::from(group));
        let n_copies = if copies {
            self.geometry.super_blocks()
        } else {
            0
        };
        let n_used = blocks.end - blocks.start - u64::from(bitmap.n_free());
        (bitmap, !is_last && n_used == n_copies)
    }

    /// Returns the bitmap, and how many inodes of the table are used: all up to the last.
    fn inode_bitmap(&self, group: u32) -> (Bitmap, u32) {
        let per_group = self.geometry.inodes_per_group;
        let before = u64::from(group) * u64::from(per_group);
        let last = u64::from(self.inventory.last_ino());
        let n_used = last.saturating_sub(before).min(per_group.into());
        let used = std::iter::once(0..n_used);
        (Bitmap::new(per_group.into(), used), low32(n_used))
    }
}

const _: () = assert!(extent::ROOT_SIZE == I_BLOCK_LEN);
