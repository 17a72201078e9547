//! The fields of a superblock.

use super::checksum::Seed;
use super::field::{Le16, Le32, Split};
use std::ops::Range;

pub(crate) const S_INODES_COUNT: Le32 = Le32(0x00);
pub(crate) const S_BLOCKS_COUNT: Split = Split(0x04..0x08, 0x150..0x154);
pub(crate) const S_R_BLOCKS_COUNT: Split = Split(0x08..0x0c, 0x154..0x158);
pub(crate) const S_FREE_BLOCKS_COUNT: Split = Split(0x0c..0x10, 0x158..0x15c);
pub(crate) const S_FREE_INODES_COUNT: Le32 = Le32(0x10);
pub(crate) const S_FIRST_DATA_BLOCK: Le32 = Le32(0x14);
pub(crate) const S_LOG_BLOCK_SIZE: Le32 = Le32(0x18);
pub(crate) const S_LOG_CLUSTER_SIZE: Le32 = Le32(0x1c);
pub(crate) const S_BLOCKS_PER_GROUP: Le32 = Le32(0x20);
pub(crate) const S_CLUSTERS_PER_GROUP: Le32 = Le32(0x24);
pub(crate) const S_INODES_PER_GROUP: Le32 = Le32(0x28);
pub(crate) const S_WTIME: Split = Split(0x30..0x34, 0x274..0x275);
pub(crate) const S_MAX_MNT_COUNT: Le16 = Le16(0x36);
pub(crate) const S_MAGIC: Le16 = Le16(0x38);
pub(crate) const S_STATE: Le16 = Le16(0x3a);
pub(crate) const S_ERRORS: Le16 = Le16(0x3c);
pub(crate) const S_LASTCHECK: Split = Split(0x40..0x44, 0x277..0x278);
pub(crate) const S_CREATOR_OS: Le32 = Le32(0x48);
pub(crate) const S_REV_LEVEL: Le32 = Le32(0x4c);
pub(crate) const S_FIRST_INO: Le32 = Le32(0x54);
pub(crate) const S_INODE_SIZE: Le16 = Le16(0x58);
pub(crate) const S_BLOCK_GROUP_NR: Le16 = Le16(0x5a);
/// `s_feature_compat`, `s_feature_incompat` and `s_feature_ro_compat`.
pub(crate) const S_FEATURES: [Le32; 3] = [Le32(0x5c), Le32(0x60), Le32(0x64)];
pub(crate) const S_UUID: Range<usize> = 0x68..0x78;
pub(crate) const S_VOLUME_NAME: Range<usize> = 0x78..0x88;
pub(crate) const S_RESERVED_GDT_BLOCKS: Le16 = Le16(0xce);
pub(crate) const S_JOURNAL_INUM: Le32 = Le32(0xe0);
pub(crate) const S_HASH_SEED: Range<usize> = 0xec..0xfc;
pub(crate) const S_DEF_HASH_VERSION: usize = 0xfc;
/// 1 where a copy of the journal's `i_block` and `i_size` follows in `s_jnl_blocks`.
pub(crate) const S_JNL_BACKUP_TYPE: usize = 0xfd;
pub(crate) const S_DESC_SIZE: Le16 = Le16(0xfe);
pub(crate) const S_DEFAULT_MOUNT_OPTS: Le32 = Le32(0x100);
pub(crate) const S_FIRST_META_BG: Le32 = Le32(0x104);
pub(crate) const S_MKFS_TIME: Split = Split(0x108..0x10c, 0x276..0x277);
pub(crate) const S_JNL_BLOCKS: Range<usize> = 0x10c..0x148;
pub(crate) const S_JNL_SIZE: Split = Split(0x14c..0x150, 0x148..0x14c);
pub(crate) const S_MIN_EXTRA_ISIZE: Le16 = Le16(0x15c);
pub(crate) const S_WANT_EXTRA_ISIZE: Le16 = Le16(0x15e);
pub(crate) const S_FLAGS: Le32 = Le32(0x160);
pub(crate) const S_LOG_GROUPS_PER_FLEX: usize = 0x174;
pub(crate) const S_CHECKSUM_TYPE: usize = 0x175;
pub(crate) const S_BACKUP_BGS: [Le32; 2] = [Le32(0x24c), Le32(0x250)];
pub(crate) const S_CHECKSUM_SEED: Le32 = Le32(0x270);
/// `s_usr_quota_inum`, `s_grp_quota_inum`, `s_prj_quota_inum` and `s_orphan_file_inum`.
pub(crate) const S_HIDDEN_INUMS: [Le32; 4] = [Le32(0x240), Le32(0x244), Le32(0x26c), Le32(0x280)];
pub(crate) const S_CHECKSUM: Le32 = Le32(0x3fc);

/// The value of `s_magic`.
pub(crate) const MAGIC: u16 = 0xef53;
/// The bit of `s_state` that says that the filesystem was unmounted cleanly.
pub(crate) const STATE_VALID: u16 = 1;
/// The bit of `s_state` that says that the kernel has seen errors.
pub(crate) const STATE_ERRORS: u16 = 2;
/// The value of `s_creator_os` for GNU/Hurd, which keeps other things in the fields of inodes.
pub(crate) const OS_HURD: u32 = 1;
/// The value of `s_checksum_type`.
pub(crate) const CRC32C: u8 = 1;
/// The bit of `s_flags` that says that names are hashed as unsigned bytes.
pub(crate) const FLAGS_UNSIGNED_HASH: u32 = 0x2;
/// The bits of `s_default_mount_opts` for `user_xattr` and `acl`.
pub(crate) const DEFAULT_MOUNT_OPTIONS: u32 = 0x4 | 0x8;

/// Bytes of a superblock.
pub(crate) const SIZE: usize = 1024;
/// Where the first superblock is on the device.
pub(crate) const OFFSET: u64 = 1024;

/// The checksum of a superblock.
pub(crate) fn checksum(bytes: &[u8; SIZE]) -> u32 {
    Seed::NONE.over(&[&bytes[..S_CHECKSUM.0]])
}

/// Whether `group` has a copy of the superblock with `sparse_super`: 0, 1 and the powers of 3, 5
/// and 7.
pub(crate) fn has_sparse_superblock(group: u64) -> bool {
    let is_power = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || [3, 5, 7].into_iter().any(is_power)
}
