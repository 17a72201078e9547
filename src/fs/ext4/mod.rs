//! ext4, written in one pass: from a tree to regions, without reading any file's content.
//!
//! ```text
//! Tree → Inventory (inode numbers, links, directory shapes) ─┐
//! Params → Geometry (groups, where their tables lie) ────────┼→ Plan (blocks) → Image
//! ```
//!
//! ext4 has no checksums over file data, so all metadata is known before any content is. Equal
//! trees and parameters give equal bytes. Modification times are the tree's; the other times of
//! an inode are the same, but for its creation, which is the epoch.
//!
//! The filesystem grows online: descriptors for its later groups are reserved (`resize_inode`), so
//! that no kernel turns it to `meta_bg`, which U-Boot does not read.

mod acl;
mod alloc;
mod bitmap;
mod csum;
mod data;
mod dir;
mod extent;
mod geometry;
mod hash;
mod htree;
mod inode;
mod inventory;
mod journal;
mod mirror;
mod plan;
pub mod read;
mod resize;
mod seal;
mod share;
mod spec;
mod superblock;
mod xattr;

pub use mirror::Difference;
pub use xattr::XattrError;

use crate::disk::image::{Image, ImageError};
use crate::epoch::{Epoch, Timestamp};
use crate::tree::{Kind, Meta, Node, Origin, Tree, TreePath};
use geometry::Geometry;
use inventory::Inventory;
use plan::Plan;
use std::collections::BTreeMap;

/// The least blocks of a journal (`JBD2_MIN_JOURNAL_BLOCKS`).
const LEAST_JOURNAL: u32 = 1024;
const MOST_RESERVED_PERCENT: u8 = 50;
const LEAST_BYTES_PER_INODE: u64 = 1024;

/// What a filesystem is to be like, apart from what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Bytes of the partition: a multiple of 4096. The filesystem fills it, but for a last group
    /// that would hold little more than its own tables.
    pub len: u64,
    /// The filesystem UUID, in text order.
    pub uuid: [u8; 16],
    /// The filesystem label: at most 16 bytes.
    pub label: Vec<u8>,
    /// Seeds the hashes of names in large directories.
    pub hash_seed: [u8; 16],
    /// When the filesystem was made.
    pub epoch: Epoch,
    /// What older readers have to know.
    pub features: Features,
    /// Blocks that only root may use, in percent: 0 to 50.
    pub reserved_percent: u8,
    /// Up to which length in bytes the filesystem can grow without changing its layout.
    pub grow_to: u64,
    /// One inode for so many bytes, now and after growing; more where the tree has more nodes.
    pub bytes_per_inode: u64,
    /// Inodes that are free at least before growing.
    pub spare_inodes: u32,
}

impl Params {
    /// What Debian's `mke2fs` would choose, for growth up to 1 TiB.
    pub fn new(len: u64, uuid: [u8; 16], hash_seed: [u8; 16], epoch: Epoch) -> Self {
        Self {
            len,
            uuid,
            label: Vec::new(),
            hash_seed,
            epoch,
            features: Features::default(),
            reserved_percent: 5,
            grow_to: 1 << 40,
            bytes_per_inode: 16_384,
            spare_inodes: 2048,
        }
    }
}

/// What may differ between filesystems. Always there: extents, flex_bg, dir_index, resize_inode,
/// sparse_super, filetype, ext_attr, large_file, dir_nlink and extra_isize, which Linux 4.9, U-Boot
/// and GRUB 2 all read. Never: `metadata_csum_seed` and `orphan_file`, which GRUB reads since 2.12
/// only; the kernel needs neither, and e2fsck adds a file of orphans to no filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Checksums over all metadata.
    pub metadata_csum: bool,
    /// Descriptors with 64-bit block numbers, and bitmap checksums of 32 instead of 16 bits.
    pub sixty_four_bit: bool,
    /// Files of 2 TiB and more. Kernels of 32 bits without large block devices mount a filesystem
    /// with it read-only.
    pub huge_file: bool,
    /// Blocks of the journal: 1024 or more; no journal without.
    pub journal_blocks: Option<u32>,
}

impl Default for Features {
    /// All of them, with the journal of 32 MiB that mke2fs gives to a filesystem of 1 to 2 GiB.
    fn default() -> Self {
        Self {
            metadata_csum: true,
            sixty_four_bit: true,
            huge_file: true,
            journal_blocks: Some(8192),
        }
    }
}

/// A tree that ext4 cannot hold, or that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ext4Error {
    /// More content than partition.
    #[error(
        "the tree needs a filesystem of {needed} bytes and the partition has {len}; enlarge the partition or take packages out"
    )]
    TooSmall {
        /// Length of the partition.
        len: u64,
        /// The least length.
        needed: u64,
    },
    /// A length that is no number of blocks, or more than 32-bit block numbers reach.
    #[error("a filesystem of {len} bytes cannot be made: expected a multiple of 4096 up to 16 TiB")]
    Length {
        /// The length asked for.
        len: u64,
    },
    /// A label over 16 bytes, or with a NUL.
    #[error("`{}` cannot be a filesystem label: expected at most 16 bytes without NUL", .label.escape_ascii())]
    Label {
        /// The label asked for.
        label: Vec<u8>,
    },
    /// A journal that the kernel refuses.
    #[error("a journal of {blocks} blocks is too small: expected 1024 or more")]
    Journal {
        /// The number of blocks asked for.
        blocks: u32,
    },
    /// More reserved than free.
    #[error("{percent} percent cannot be reserved for root: expected 0 to 50")]
    Reserved {
        /// The percentage asked for.
        percent: u8,
    },
    /// An inode ratio that makes no sense.
    #[error("one inode for {bytes} bytes is not possible: expected 1024 or more")]
    InodeRatio {
        /// The ratio asked for.
        bytes: u64,
    },
    /// More nodes than inode numbers.
    #[error("the tree has more nodes than a filesystem of 32-bit inode numbers holds")]
    TooManyNodes,
    /// A directory with two names.
    #[error("directory `{path}` has a second name; only files can have hard links")]
    LinkedDirectory {
        /// The second name.
        path: TreePath,
    },
    /// `/lost+found` is taken.
    #[error("`/lost+found` is not a directory; remove it from the tree")]
    LostFound,
    /// A file with more names than its link count can say.
    #[error("`{path}` has {links} hard links, more than the 65000 that ext4 counts")]
    TooManyLinks {
        /// Its first name.
        path: TreePath,
        /// How many names it has.
        links: u32,
    },
    /// A directory beyond two levels of index.
    #[error(
        "directory `{path}` has {entries} entries, more than an index of two levels holds; split it"
    )]
    DirectoryTooLarge {
        /// The directory.
        path: TreePath,
        /// How many names it has.
        entries: usize,
    },
    /// A file of 16 TiB or more, or without `huge_file` one with data of 2 TiB or more.
    #[error("`{path}` of {len} bytes is larger than a file of this filesystem can be")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// A target that Linux cannot follow.
    #[error("symlink `{path}` has a target of {len} bytes: expected 1 to 4095 without NUL")]
    SymlinkTarget {
        /// The symlink.
        path: TreePath,
        /// Length of its target.
        len: usize,
    },
    /// Numbers that Linux has no bits for.
    #[error("device `{path}` has the number {major}:{minor}: expected at most 4095:1048575")]
    DeviceNumber {
        /// The device node.
        path: TreePath,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// An extended attribute that cannot be stored.
    #[error("cannot store an extended attribute of `{path}`")]
    Xattr {
        /// The node.
        path: TreePath,
        /// Which attribute, and why.
        source: XattrError,
    },
    /// The writer contradicts itself.
    #[error("the filesystem's regions overlap; this is a bug, please report it")]
    Regions(#[from] ImageError),
}

/// The least length of a partition in bytes that holds `tree`, whatever `params.len` says.
/// Nothing is left for later files; the caller adds to it.
pub fn measure(tree: &Tree, params: &Params) -> Result<u64, Ext4Error> {
    check(params)?;
    let lost_found = lost_found(params);
    let inventory = Inventory::new(tree, &lost_found, params)?;
    smallest(&inventory, params)
}

/// Decides every byte of a filesystem of `params.len` bytes that holds `tree`.
pub fn seal(tree: &Tree, params: &Params) -> Result<Image, Ext4Error> {
    check(params)?;
    if !params.len.is_multiple_of(spec::BLOCK_BYTES) {
        return Err(Ext4Error::Length { len: params.len });
    }
    let lost_found = lost_found(params);
    let inventory = Inventory::new(tree, &lost_found, params)?;
    let geometry = Geometry::new(params.len / spec::BLOCK_BYTES, inventory.last_ino(), params)?;
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

/// Tries lengths, each at least as much larger as the one before was too small.
fn smallest(inventory: &Inventory<'_>, params: &Params) -> Result<u64, Ext4Error> {
    let mut n_blocks = inventory.n_blocks();
    loop {
        n_blocks = match Geometry::new(n_blocks, inventory.last_ino(), params)? {
            Err(more) => more.max(n_blocks + 1),
            Ok(geometry) => {
                let (filled, next_group) = (geometry.n_blocks, geometry.next_group_from());
                let excess = Plan::new(inventory, geometry, params).excess();
                if excess == 0 {
                    return Ok(filled * spec::BLOCK_BYTES);
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

/// The directory that e2fsck wants to find, for trees that have none.
fn lost_found(params: &Params) -> Node {
    let meta = Meta::root(0o700, Timestamp::from(params.epoch));
    Node::new(Kind::Directory(BTreeMap::new()), meta, Origin::Builtin)
}

#[cfg(test)]
mod tests;
