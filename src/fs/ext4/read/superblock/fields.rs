//! The fields of a superblock, each at its place, before they are known to fit together.

use super::{JournalBackup, Superblock, stored_seed, unfit};
use crate::fs::ext4::csum::Seed;
use crate::fs::ext4::read::bytes::{array, halves, le16, le32, text};
use crate::fs::ext4::read::error::{ReadError, Unsupported};
use crate::fs::ext4::read::feature::{self, FeatureSet};

/// What revision 0 has in place of two fields.
const OLD_INODE_SIZE: u16 = 128;
pub(super) const OLD_FIRST_INODE: u32 = 11;

/// `s_log_block_size` of 64 KiB.
const MAX_LOG_BLOCK_SIZE: u32 = 6;

pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8; super::SIZE],
    pub(super) features: FeatureSet,
}

impl Fields<'_> {
    /// All of them; `seed` is where checksums over metadata start.
    pub(super) fn superblock(&self, seed: Option<Seed>) -> Result<Superblock, ReadError> {
        let Self { bytes, features } = *self;
        let (inode_size, first_inode) = match self.is_old() {
            true => (OLD_INODE_SIZE, OLD_FIRST_INODE),
            false => (le16(bytes, 0x58), le32(bytes, 0x54)),
        };
        Ok(Superblock {
            block_size: self.block_size()?,
            n_blocks: self.n_blocks(),
            first_block: self.first_block(),
            blocks_per_group: le32(bytes, 0x20),
            n_groups: self.n_groups()?,
            inodes_per_group: le32(bytes, 0x28),
            n_inodes: le32(bytes, 0x00),
            inode_size,
            descriptor_size: if self.is_wide() {
                le16(bytes, 0xfe)
            } else {
                32
            },
            first_inode,
            reserved_blocks: self.blocks(0x08, 0x154),
            free_blocks: self.blocks(0x0c, 0x158),
            free_inodes: le32(bytes, 0x10),
            features,
            uuid: array(bytes, 0x68),
            label: text(&bytes[0x78..0x88]),
            last_mounted: text(&bytes[0x88..0xc8]),
            hash_seed: array(bytes, 0xec),
            hash_version: bytes[0xfc],
            default_mount_options: le32(bytes, 0x100),
            reserved_descriptor_blocks: le16(bytes, 0xce),
            made: self.time(0x108, 0x276),
            written: self.time(0x30, 0x274),
            mounted: self.time(0x2c, 0x275),
            checked: self.time(0x40, 0x277),
            journal_inode: self.journal_inode(),
            journal_backup: self.journal_backup(),
            needs_recovery: features.has(feature::NEEDS_RECOVERY),
            state: le16(bytes, 0x3a),
            log_cluster_ratio: self.log_cluster_ratio(),
            value_seed: stored_seed(bytes, features),
            seed,
            first_meta_bg: le32(bytes, 0x104),
            backup_groups: [le32(bytes, 0x24c), le32(bytes, 0x250)],
            own_inodes: self.own_inodes(),
        })
    }

    /// Whether it is of revision 0.
    fn is_old(&self) -> bool {
        le32(self.bytes, 0x4c) == 0
    }

    fn is_wide(&self) -> bool {
        self.features.has(feature::SIXTY_FOUR_BIT)
    }

    /// A number of blocks, of which `high` is a part where it can be large.
    fn blocks(&self, low: usize, high: usize) -> u64 {
        match self.is_wide() {
            true => halves(le32(self.bytes, high), le32(self.bytes, low)),
            false => u64::from(le32(self.bytes, low)),
        }
    }

    /// Seconds since 1970, in 40 bits.
    fn time(&self, low: usize, high: usize) -> u64 {
        halves(self.bytes[high], le32(self.bytes, low))
    }

    fn n_blocks(&self) -> u64 {
        self.blocks(0x04, 0x150)
    }

    fn first_block(&self) -> u64 {
        u64::from(le32(self.bytes, 0x14))
    }

    fn block_size(&self) -> Result<u32, Unsupported> {
        let log = le32(self.bytes, 0x18);
        match log <= MAX_LOG_BLOCK_SIZE {
            true => Ok(1024 << log),
            false => Err(Unsupported::BlockSize {
                bytes: 1024_u64.checked_shl(log).unwrap_or(0),
            }),
        }
    }

    fn n_groups(&self) -> Result<u32, ReadError> {
        let n_blocks = self.n_blocks();
        let per_group = le32(self.bytes, 0x20).max(1);
        let n_groups = n_blocks
            .saturating_sub(self.first_block())
            .div_ceil(u64::from(per_group));
        u32::try_from(n_groups)
            .map_err(|_| unfit("s_blocks_count", n_blocks, "fewer than 2^32 groups").into())
    }

    fn log_cluster_ratio(&self) -> u32 {
        match self.features.has(feature::BIGALLOC) {
            true => le32(self.bytes, 0x1c).wrapping_sub(le32(self.bytes, 0x18)),
            false => 0,
        }
    }

    fn journal_inode(&self) -> Option<u32> {
        let ino = le32(self.bytes, 0xe0);
        (ino != 0 && self.features.has(feature::HAS_JOURNAL)).then_some(ino)
    }

    fn journal_backup(&self) -> Option<JournalBackup> {
        (self.bytes[0xfd] == 1).then(|| JournalBackup {
            i_block: array(self.bytes, 0x10c),
            size: halves(le32(self.bytes, 0x148), le32(self.bytes, 0x14c)),
        })
    }

    /// The quotas' inodes, the file of orphans and the journal.
    fn own_inodes(&self) -> Vec<u32> {
        [0x240, 0x244, 0x26c, 0x280]
            .map(|at| le32(self.bytes, at))
            .into_iter()
            .chain(self.journal_inode())
            .filter(|ino| *ino != 0)
            .collect()
    }
}
