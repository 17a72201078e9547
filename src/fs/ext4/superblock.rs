//! The superblock and the group descriptors.

use super::csum::{self, Seed};
use super::geometry::{Geometry, LOG_GROUPS_PER_FLEX};
use super::inode::I_BLOCK;
use super::spec::*;
use super::{Features, Params};

/// Bytes of a superblock; the primary one stands 1024 bytes into its block.
pub(super) const SIZE: usize = 1024;

/// What is counted over all groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    pub(super) blocks: u64,
    pub(super) inodes: u32,
}

/// The journal's root of blocks and its size, of which the superblock keeps a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct JournalCopy {
    pub(super) i_block: [u8; I_BLOCK],
    pub(super) size: u64,
}

/// The superblock as it stands in `group`.
pub(super) fn write(
    group: u64,
    geometry: &Geometry,
    free: Free,
    journal: Option<JournalCopy>,
    params: &Params,
) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let reserved = geometry.n_blocks / 100 * u64::from(params.reserved_percent);
    write_counts(&mut bytes, geometry, free, reserved);
    write_features(&mut bytes, &params.features);
    write_times(&mut bytes, params.epoch.0);

    put16(&mut bytes, 0x36, 0xffff); // s_max_mnt_count: never check because of that
    put16(&mut bytes, 0x38, 0xef53); // s_magic
    put16(&mut bytes, 0x3a, 1); // s_state: clean
    put16(&mut bytes, 0x3c, 1); // s_errors: go on
    put32(&mut bytes, 0x4c, 1); // s_rev_level: dynamic
    put32(&mut bytes, 0x54, FIRST_INO);
    put16(&mut bytes, 0x58, low16(INODE_SIZE as u32));
    put16(&mut bytes, 0x5a, low16(low32(group)));
    bytes[0x68..0x78].copy_from_slice(&params.uuid);
    bytes[0x78..][..params.label.len()].copy_from_slice(&params.label);
    let reserved_descriptors = low32(geometry.n_reserved_descriptor_blocks);
    put16(&mut bytes, 0xce, low16(reserved_descriptors));
    bytes[0xec..0xfc].copy_from_slice(&params.hash_seed);
    bytes[0xfc] = DX_HASH_HALF_MD4;
    put32(&mut bytes, 0x100, DEFAULT_MOUNT_OPTIONS);
    put16(&mut bytes, 0x15c, EXTRA_ISIZE); // s_min_extra_isize
    put16(&mut bytes, 0x15e, EXTRA_ISIZE); // s_want_extra_isize
    put32(&mut bytes, 0x160, FLAGS_UNSIGNED_HASH);
    bytes[0x174] = LOG_GROUPS_PER_FLEX;
    if params.features.sixty_four_bit {
        put16(&mut bytes, 0xfe, low16(geometry.descriptor_size as u32));
    }
    if let Some(JournalCopy { i_block, size }) = journal {
        put32(&mut bytes, 0xe0, JOURNAL_INO);
        bytes[0xfd] = 1; // s_jnl_backup_type: the copy below is there
        bytes[0x10c..][..I_BLOCK].copy_from_slice(&i_block);
        put32(&mut bytes, 0x10c + I_BLOCK, high32(size));
        put32(&mut bytes, 0x110 + I_BLOCK, low32(size));
    }
    if params.features.metadata_csum {
        bytes[0x175] = 1; // s_checksum_type: CRC-32C
        let sum = csum::superblock(&bytes[..0x3fc]);
        put32(&mut bytes, 0x3fc, sum);
    }
    bytes
}

fn write_counts(bytes: &mut [u8], geometry: &Geometry, free: Free, reserved: u64) {
    let n_inodes = geometry.inodes_per_group * geometry.groups.len() as u32;
    put32(bytes, 0x00, n_inodes);
    put32(bytes, 0x04, low32(geometry.n_blocks));
    put32(bytes, 0x08, low32(reserved));
    put32(bytes, 0x0c, low32(free.blocks));
    put32(bytes, 0x10, free.inodes);
    put32(bytes, 0x18, 2); // s_log_block_size: 1024 << 2
    put32(bytes, 0x1c, 2); // s_log_cluster_size
    put32(bytes, 0x20, low32(BLOCKS_PER_GROUP));
    put32(bytes, 0x24, low32(BLOCKS_PER_GROUP)); // clusters per group
    put32(bytes, 0x28, geometry.inodes_per_group);
    put32(bytes, 0x150, high32(geometry.n_blocks));
    put32(bytes, 0x154, high32(reserved));
    put32(bytes, 0x158, high32(free.blocks));
}

fn write_features(bytes: &mut [u8], features: &Features) {
    let optional = |on: bool, flag: u32| if on { flag } else { 0 };
    let compat = COMPAT_EXT_ATTR
        | COMPAT_RESIZE_INODE
        | COMPAT_DIR_INDEX
        | optional(features.journal_blocks.is_some(), COMPAT_HAS_JOURNAL);
    let incompat = INCOMPAT_FILETYPE
        | INCOMPAT_EXTENTS
        | INCOMPAT_FLEX_BG
        | optional(features.sixty_four_bit, INCOMPAT_64BIT);
    let ro_compat = RO_COMPAT_SPARSE_SUPER
        | RO_COMPAT_LARGE_FILE
        | optional(features.huge_file, RO_COMPAT_HUGE_FILE)
        | RO_COMPAT_DIR_NLINK
        | RO_COMPAT_EXTRA_ISIZE
        | optional(features.metadata_csum, RO_COMPAT_METADATA_CSUM);
    put32(bytes, 0x5c, compat);
    put32(bytes, 0x60, incompat);
    put32(bytes, 0x64, ro_compat);
}

/// Made, written and checked at the epoch; never mounted. Bits 32 to 39 stand apart.
fn write_times(bytes: &mut [u8], epoch: u64) {
    for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
        put32(bytes, low, low32(epoch));
        bytes[high] = high32(epoch).to_le_bytes()[0];
    }
}

/// The descriptor of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    pub(super) free_blocks: u32,
    pub(super) free_inodes: u32,
    pub(super) used_dirs: u32,
    /// Inodes at the end of the table that were never used.
    pub(super) itable_unused: u32,
    pub(super) flags: u16,
    pub(super) block_bitmap_csum: u32,
    pub(super) inode_bitmap_csum: u32,
}

impl Descriptor {
    /// The bytes; the upper halves of numbers are kept in descriptors of 64 bytes only.
    pub(super) fn write(&self, group: u32, size: usize, seed: Option<Seed>) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        let addresses = [self.block_bitmap, self.inode_bitmap, self.inode_table];
        for (i, address) in addresses.into_iter().enumerate() {
            put32(&mut bytes, 4 * i, low32(address));
            put32(&mut bytes, 0x20 + 4 * i, high32(address));
        }
        put16(&mut bytes, 0x12, self.flags);
        for (low, high, number) in [
            (0x0c, 0x2c, self.free_blocks),
            (0x0e, 0x2e, self.free_inodes),
            (0x10, 0x30, self.used_dirs),
            (0x18, 0x38, self.block_bitmap_csum),
            (0x1a, 0x3a, self.inode_bitmap_csum),
            (0x1c, 0x32, self.itable_unused),
        ] {
            put16(&mut bytes, low, low16(number));
            put16(&mut bytes, high, high16(number));
        }
        bytes.truncate(size);
        if let Some(seed) = seed {
            csum::set_descriptor(seed, group, &mut bytes);
        }
        bytes
    }
}
