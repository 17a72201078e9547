//! Reading a superblock: first what says whether it can be read at all, then its fields, then
//! whether they fit together.

use super::check;
use super::values::{JournalBackup, Superblock};
use crate::disk::device::Device;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::feature::{self, FeatureSet};
use crate::fs::ext4::format::field::array;
use crate::fs::ext4::format::inode::{FIRST_INO, OLD_SIZE};
use crate::fs::ext4::format::superblock::*;
use crate::fs::ext4::read::error::{Corrupt, ReadError, Unsupported};
use crate::fs::ext4::read::patched::Patched;
use crate::fs::ext4::read::place::Place;
use crate::fs::ext4::read::unread::unread;

/// `s_log_block_size` of 64 KiB.
const MAX_LOG_BLOCK_SIZE: u32 = 6;

impl Superblock {
    /// Reads the first superblock of `device`.
    pub(in crate::fs::ext4::read) fn read(device: &Patched<'_>) -> Result<Self, ReadError> {
        let len = device.len();
        if len < OFFSET + SIZE as u64 {
            return Err(Corrupt::Short { len }.into());
        }
        Self::parse(&array(&device.read(OFFSET, SIZE)?), len)
    }

    /// Reads `bytes`, the superblock of a filesystem on a device of `device_len` bytes.
    pub(in crate::fs::ext4::read) fn parse(
        bytes: &[u8; SIZE],
        device_len: u64,
    ) -> Result<Self, ReadError> {
        let magic = S_MAGIC.get(bytes);
        if magic != MAGIC {
            return Err(Corrupt::Magic { found: magic }.into());
        }
        let features = features(bytes)?;
        let superblock = fields(bytes, features)?;
        check::check(&superblock, device_len)?;
        Ok(superblock)
    }
}

/// The features, if the reader knows all that it has to.
fn features(bytes: &[u8; SIZE]) -> Result<FeatureSet, Unsupported> {
    let features = match S_REV_LEVEL.get(bytes) {
        0 => FeatureSet::default(),
        1 => FeatureSet(S_FEATURES.map(|field| field.get(bytes))),
        found => return Err(Unsupported::Revision { found }),
    };
    let unread = unread(features);
    if !unread.is_empty() {
        return Err(Unsupported::Features(unread));
    }
    match S_CREATOR_OS.get(bytes) {
        OS_HURD => Err(Unsupported::Hurd),
        _ => Ok(features),
    }
}

/// Refuses a superblock with a wrong checksum.
fn verify(bytes: &[u8; SIZE]) -> Result<(), Corrupt> {
    let kind = bytes[S_CHECKSUM_TYPE];
    if kind != CRC32C {
        return Err(Place::Superblock.unfit("s_checksum_type", kind, "1, CRC-32C"));
    }
    Place::Superblock.verify(S_CHECKSUM.get(bytes), checksum(bytes))
}

/// All fields, before they are known to fit together.
fn fields(bytes: &[u8; SIZE], features: FeatureSet) -> Result<Superblock, ReadError> {
    let has = |feature| features.has(feature);
    let value_seed = match has(feature::METADATA_CSUM_SEED) {
        true => Seed::stored(S_CHECKSUM_SEED.get(bytes)),
        false => Seed::filesystem(&array(&bytes[S_UUID])),
    };
    if has(feature::METADATA_CSUM) {
        verify(bytes)?;
    }
    let (inode_size, first_inode) = match S_REV_LEVEL.get(bytes) {
        0 => (OLD_SIZE as u16, FIRST_INO),
        _ => (S_INODE_SIZE.get(bytes), S_FIRST_INO.get(bytes)),
    };
    let is_wide = has(feature::SIXTY_FOUR_BIT);
    let n_blocks = S_BLOCKS_COUNT.get(bytes, is_wide);
    let first_block = u64::from(S_FIRST_DATA_BLOCK.get(bytes));
    let blocks_per_group = S_BLOCKS_PER_GROUP.get(bytes);
    let log_block_size = S_LOG_BLOCK_SIZE.get(bytes);
    let log_cluster_ratio = match has(feature::BIGALLOC) {
        true => S_LOG_CLUSTER_SIZE.get(bytes).wrapping_sub(log_block_size),
        false => 0,
    };
    let label = bytes[S_VOLUME_NAME].iter();
    let journal = Some(S_JOURNAL_INUM.get(bytes));
    let journal_inode = journal.filter(|ino| *ino != 0 && has(feature::HAS_JOURNAL));
    let own_inodes = S_HIDDEN_INUMS.map(|field| field.get(bytes)).into_iter();
    let own_inodes = own_inodes.chain(journal_inode).filter(|ino| *ino != 0);
    Ok(Superblock {
        block_size: block_size(log_block_size)?,
        n_blocks,
        first_block,
        blocks_per_group,
        n_groups: n_groups(n_blocks, first_block, blocks_per_group)?,
        inodes_per_group: S_INODES_PER_GROUP.get(bytes),
        n_inodes: S_INODES_COUNT.get(bytes),
        inode_size,
        descriptor_size: if is_wide { S_DESC_SIZE.get(bytes) } else { 32 },
        first_inode,
        reserved_blocks: S_R_BLOCKS_COUNT.get(bytes, is_wide),
        features,
        uuid: array(&bytes[S_UUID]),
        label: label.copied().take_while(|byte| *byte != 0).collect(),
        hash_seed: array(&bytes[S_HASH_SEED]),
        default_mount_options: S_DEFAULT_MOUNT_OPTS.get(bytes),
        journal_inode,
        journal_backup: (bytes[S_JNL_BACKUP_TYPE] == 1).then(|| JournalBackup {
            i_block: array(&bytes[S_JNL_BLOCKS]),
            size: S_JNL_SIZE.get(bytes, true),
        }),
        needs_recovery: has(feature::NEEDS_RECOVERY),
        state: S_STATE.get(bytes),
        log_cluster_ratio,
        value_seed,
        seed: has(feature::METADATA_CSUM).then_some(value_seed),
        first_meta_bg: S_FIRST_META_BG.get(bytes),
        backup_groups: S_BACKUP_BGS.map(|field| field.get(bytes)),
        own_inodes: own_inodes.collect(),
    })
}

fn block_size(log: u32) -> Result<u32, Unsupported> {
    match log <= MAX_LOG_BLOCK_SIZE {
        true => Ok(1024 << log),
        false => Err(Unsupported::BlockSize {
            bytes: 1024_u64.checked_shl(log).unwrap_or(0),
        }),
    }
}

fn n_groups(n_blocks: u64, first_block: u64, blocks_per_group: u32) -> Result<u32, Corrupt> {
    let blocks = n_blocks.saturating_sub(first_block);
    let n_groups = blocks.div_ceil(u64::from(blocks_per_group.max(1)));
    u32::try_from(n_groups)
        .map_err(|_| Place::Superblock.unfit("s_blocks_count", n_blocks, "fewer than 2^32 groups"))
}
