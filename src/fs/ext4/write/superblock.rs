//! The superblock.

use super::geometry::{Geometry, LOG_GROUPS_PER_FLEX};
use super::params::Params;
use super::sizes::{BLOCKS_PER_GROUP, EXTRA_ISIZE, INODE_SIZE};
use crate::fs::ext4::format::directory::DX_HASH_HALF_MD4;
use crate::fs::ext4::format::field::{low16, low32};
use crate::fs::ext4::format::inode::{FIRST_INO, I_BLOCK_LEN, JOURNAL_INO};
use crate::fs::ext4::format::superblock::*;

/// The free blocks and inodes of all groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    pub(super) blocks: u64,
    pub(super) inodes: u32,
}

/// `i_block` and size of the journal's inode, of which the superblock has a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct JournalCopy {
    pub(super) i_block: [u8; I_BLOCK_LEN],
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
    write_counts(&mut bytes, geometry, free, params.reserved_percent);
    for (field, word) in S_FEATURES.into_iter().zip(params.features.set().0) {
        field.put(&mut bytes, word);
    }
    // Made, written and checked at the epoch; never mounted.
    for field in [S_MKFS_TIME, S_WTIME, S_LASTCHECK] {
        field.put(&mut bytes, params.epoch.0);
    }
    S_MAX_MNT_COUNT.put(&mut bytes, 0xffff); // no check after a number of mounts
    S_MAGIC.put(&mut bytes, MAGIC);
    S_STATE.put(&mut bytes, STATE_VALID);
    S_ERRORS.put(&mut bytes, 1); // go on
    S_REV_LEVEL.put(&mut bytes, 1); // dynamic
    S_FIRST_INO.put(&mut bytes, FIRST_INO);
    S_INODE_SIZE.put(&mut bytes, low16(INODE_SIZE as u32));
    S_BLOCK_GROUP_NR.put(&mut bytes, low16(low32(group)));
    bytes[S_UUID].copy_from_slice(&params.uuid);
    bytes[S_VOLUME_NAME][..params.label.len()].copy_from_slice(&params.label);
    let reserved_descriptors = low32(geometry.n_reserved_descriptor_blocks);
    S_RESERVED_GDT_BLOCKS.put(&mut bytes, low16(reserved_descriptors));
    bytes[S_HASH_SEED].copy_from_slice(&params.hash_seed);
    bytes[S_DEF_HASH_VERSION] = DX_HASH_HALF_MD4;
    S_DEFAULT_MOUNT_OPTS.put(&mut bytes, DEFAULT_MOUNT_OPTIONS);
    S_MIN_EXTRA_ISIZE.put(&mut bytes, EXTRA_ISIZE);
    S_WANT_EXTRA_ISIZE.put(&mut bytes, EXTRA_ISIZE);
    S_FLAGS.put(&mut bytes, FLAGS_UNSIGNED_HASH);
    bytes[S_LOG_GROUPS_PER_FLEX] = LOG_GROUPS_PER_FLEX;
    if params.features.sixty_four_bit {
        S_DESC_SIZE.put(&mut bytes, low16(geometry.descriptor_size as u32));
    }
    if let Some(JournalCopy { i_block, size }) = journal {
        S_JOURNAL_INUM.put(&mut bytes, JOURNAL_INO);
        bytes[S_JNL_BACKUP_TYPE] = 1;
        bytes[S_JNL_BLOCKS].copy_from_slice(&i_block);
        S_JNL_SIZE.put(&mut bytes, size);
    }
    if params.features.metadata_csum {
        bytes[S_CHECKSUM_TYPE] = CRC32C;
        let sum = checksum(&bytes);
        S_CHECKSUM.put(&mut bytes, sum);
    }
    bytes
}

fn write_counts(bytes: &mut [u8], geometry: &Geometry, free: Free, reserved_percent: u8) {
    let n_inodes = geometry.inodes_per_group * geometry.groups.len() as u32;
    let reserved = geometry.n_blocks / 100 * u64::from(reserved_percent);
    S_INODES_COUNT.put(bytes, n_inodes);
    S_BLOCKS_COUNT.put(bytes, geometry.n_blocks);
    S_R_BLOCKS_COUNT.put(bytes, reserved);
    S_FREE_BLOCKS_COUNT.put(bytes, free.blocks);
    S_FREE_INODES_COUNT.put(bytes, free.inodes);
    S_LOG_BLOCK_SIZE.put(bytes, 2); // 1024 << 2
    S_LOG_CLUSTER_SIZE.put(bytes, 2);
    S_BLOCKS_PER_GROUP.put(bytes, low32(BLOCKS_PER_GROUP));
    S_CLUSTERS_PER_GROUP.put(bytes, low32(BLOCKS_PER_GROUP));
    S_INODES_PER_GROUP.put(bytes, geometry.inodes_per_group);
}
