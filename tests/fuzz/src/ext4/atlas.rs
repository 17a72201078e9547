//! The places of the structures of a sound ext4 image, which become the spans that inputs change.
//!
//! The image is one of `bases/`, so numbers are trusted here and a wrong one panics.

use super::super::patch::{Base, Kind};
use super::checksum::{self, Owner};
use super::log;

const EXTENTS_FLAG: u32 = 0x8_0000;
const INLINE_FLAG: u32 = 0x1000_0000;
const INDEX_FLAG: u32 = 0x1000;
const JOURNAL_INODE: u32 = 8;

pub fn le16(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(
        bytes[at..at + 2].try_into().expect("two bytes"),
    ))
}

pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The numbers of the superblock by which the other structures are found.
struct Shape {
    block: usize,
    first: usize,
    n_groups: usize,
    descriptor: usize,
    per_group: u32,
    blocks_per_group: usize,
    inode: usize,
    meta_bg: bool,
    /// Seed of `metadata_csum`, if it is enabled.
    seed: Option<u32>,
    group_sums: bool,
    uuid: [u8; 16],
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let sb = &bytes[1024..2048];
        let (incompat, ro) = (le32(sb, 0x60), le32(sb, 0x64));
        let uuid: [u8; 16] = sb[0x68..0x78].try_into().expect("sixteen bytes");
        let stored = (incompat & 0x2000 != 0).then(|| le32(sb, 0x270));
        let (first, blocks_per_group) = (le32(sb, 0x14) as usize, le32(sb, 0x20) as usize);
        Self {
            block: 1024 << le32(sb, 0x18),
            first,
            n_groups: (le32(sb, 4) as usize - first).div_ceil(blocks_per_group),
            descriptor: if incompat & 0x80 == 0 {
                32
            } else {
                le16(sb, 0xfe)
            },
            per_group: le32(sb, 0x28),
            blocks_per_group,
            inode: le16(sb, 0x58),
            meta_bg: incompat & 0x10 != 0,
            seed: (ro & 0x400 != 0).then(|| stored.unwrap_or_else(|| checksum::raw(!0, &uuid))),
            group_sums: ro & 0x10 != 0,
            uuid,
        }
    }

    /// The place of the descriptor of `group`. With `meta_bg`, the bases have a copy of the superblock in
    /// each group.
    fn descriptor_at(&self, group: usize) -> usize {
        let per_block = self.block / self.descriptor;
        let block = match self.meta_bg {
            true => self.first + group / per_block * per_block * self.blocks_per_group + 1,
            false => 1024 / self.block + 1 + group / per_block,
        };
        block * self.block + group % per_block * self.descriptor
    }
}

/// Adds the spans and seals of everything in `base`.
pub fn map(base: &mut Base) {
    let shape = Shape::of(&base.bytes);
    // Inner structures come first, so that their sums are right before others are taken.
    for group in 0..shape.n_groups {
        let table = le32(&base.bytes, shape.descriptor_at(group) + 8) as usize * shape.block;
        for index in 0..shape.per_group {
            let number = group as u32 * shape.per_group + index + 1;
            let at = table + index as usize * shape.inode;
            if le16(&base.bytes, at) != 0 {
                Walk {
                    base,
                    shape: &shape,
                    at,
                    number,
                }
                .inode();
            }
        }
    }
    for group in 0..shape.n_groups {
        let (at, len, number) = (shape.descriptor_at(group), shape.descriptor, group as u32);
        let uuid = shape.uuid;
        let seal = match (shape.seed, shape.group_sums) {
            (Some(seed), _) => {
                base.seal(move |image| checksum::descriptor(image, at, len, number, seed))
            }
            (None, true) => {
                base.seal(move |image| checksum::descriptor_16(image, at, number, uuid))
            }
            (None, false) => None,
        };
        base.sealed(Kind::Descriptor, at, len, seal);
    }
    let seal = shape.seed.and_then(|_| base.seal(checksum::superblock));
    base.sealed(Kind::Superblock, 1024, 1024, seal);
}

/// One inode, and the structures to which it leads.
struct Walk<'a> {
    base: &'a mut Base,
    shape: &'a Shape,
    at: usize,
    number: u32,
}

impl Walk<'_> {
    fn inode(&mut self) {
        let (at, len) = (self.at, self.shape.inode);
        let inode = self.base.bytes[at..at + len].to_vec();
        let flags = le32(&inode, 0x20);
        let mut blocks = Vec::new();
        let inside = if flags & INLINE_FLAG != 0 {
            Some(Kind::Inline)
        } else if flags & EXTENTS_FLAG != 0 {
            self.extents(&inode[0x28..0x64], &mut blocks);
            Some(Kind::Extents)
        } else if matches!(le16(&inode, 0) >> 12, 4 | 8) {
            for slot in 0..15 {
                let depth = 11_usize.max(slot) - 11;
                self.indirect(le32(&inode, 0x28 + slot * 4), depth, &mut blocks);
            }
            Some(Kind::Indirect)
        } else {
            None
        };
        if self.number == JOURNAL_INODE {
            log::map(self.base, self.shape.block, &blocks);
        } else if le16(&inode, 0) >> 12 == 4 {
            self.directory(&blocks, flags & INDEX_FLAG != 0);
        }
        let attributes = le32(&inode, 0x68) as usize * self.shape.block;
        if attributes != 0 {
            let (block, seed) = (self.shape.block, self.shape.seed);
            let seal = seed.and_then(|seed| {
                self.base
                    .seal(move |image| checksum::attributes(image, attributes, block, seed))
            });
            self.base.sealed(Kind::Attributes, attributes, block, seal);
        }
        let seal = self.owned(|owner, image| owner.inode(image));
        self.base.sealed(Kind::Inode, at, len, seal);
        if let Some(kind) = inside {
            self.base.sealed(kind, at + 0x28, 60, seal);
        }
        let start = 128 + if len > 128 { le16(&inode, 0x80) } else { 0 };
        if start + 4 <= len && le32(&inode, start) == 0xea02_0000 {
            self.base
                .sealed(Kind::Attributes, at + start, len - start, seal);
            if flags & INLINE_FLAG != 0 {
                self.base
                    .sealed(Kind::Inline, at + start, len - start, seal);
            }
        }
    }

    /// A seal that depends on the inode, if there are checksums.
    fn owned(
        &mut self,
        seal: impl Fn(Owner, &mut super::super::patch::Patched<'_>) + Send + Sync + 'static,
    ) -> Option<usize> {
        let (at, len, number) = (self.at, self.shape.inode, self.number);
        let owner = Owner {
            at,
            len,
            number,
            seed: self.shape.seed?,
        };
        self.base.seal(move |image| seal(owner, image))
    }

    /// The blocks of the extent tree with this node.
    fn extents(&mut self, node: &[u8], blocks: &mut Vec<usize>) {
        let depth = le16(node, 6);
        for entry in node[12..].chunks_exact(12).take(le16(node, 2)) {
            if depth == 0 {
                let len = le16(entry, 4) % 0x8000;
                let start = le32(entry, 8) as usize;
                blocks.extend(start..start + len);
                continue;
            }
            let block = self.shape.block;
            let at = le32(entry, 4) as usize * block;
            let child = self.base.bytes[at..at + block].to_vec();
            self.extents(&child, blocks);
            let seal = self.owned(move |owner, image| owner.extents(image, at, block));
            self.base.sealed(Kind::Extents, at, block, seal);
        }
    }

    /// The blocks below an entry of a block map.
    fn indirect(&mut self, entry: u32, depth: usize, blocks: &mut Vec<usize>) {
        if entry == 0 {
            return;
        }
        if depth == 0 {
            return blocks.push(entry as usize);
        }
        let (at, len) = (entry as usize * self.shape.block, self.shape.block);
        self.base.span(Kind::Indirect, at, len);
        for slot in (at..at + len).step_by(4) {
            self.indirect(le32(&self.base.bytes, slot), depth - 1, blocks);
        }
    }

    fn directory(&mut self, blocks: &[usize], indexed: bool) {
        let block = self.shape.block;
        for (index, number) in blocks.iter().enumerate() {
            let at = number * block;
            let fake = le32(&self.base.bytes, at) == 0 && le16(&self.base.bytes, at + 4) == block;
            let counts = match (indexed, index, fake) {
                (true, 0, _) => Some(0x20),
                (true, _, true) => Some(8),
                _ => None,
            };
            let seal = match counts {
                Some(counts) => {
                    self.owned(move |owner, image| owner.node(image, at, block, counts))
                }
                None => self.owned(move |owner, image| owner.leaf(image, at, block)),
            };
            self.base.sealed(Kind::Directory, at, block, seal);
        }
    }
}
