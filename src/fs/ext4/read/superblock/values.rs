//! The values of a superblock, and what follows from them.

use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::feature::{self, FeatureSet};
use crate::fs::ext4::format::inode::I_BLOCK_LEN;
use crate::fs::ext4::format::superblock::{STATE_ERRORS, STATE_VALID};
use crate::fs::ext4::read::error::Corrupt;
use crate::fs::ext4::read::place::Place;

/// The properties of a filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes in a block: a power of two from 1024 to 65536.
    pub block_size: u32,
    /// Blocks of the filesystem, with those before the first group.
    pub n_blocks: u64,
    /// The first block of the first group: 1 where blocks have 1024 bytes, else 0.
    pub first_block: u64,
    /// Blocks of each group but the last.
    pub blocks_per_group: u32,
    /// Number of groups.
    pub n_groups: u32,
    /// Inodes of each group.
    pub inodes_per_group: u32,
    /// Inodes of all groups.
    pub n_inodes: u32,
    /// Bytes of an inode.
    pub inode_size: u16,
    /// Bytes of a group descriptor.
    pub descriptor_size: u16,
    /// The first inode that is not reserved.
    pub first_inode: u32,
    /// Blocks that only root may use.
    pub reserved_blocks: u64,
    /// All features.
    pub features: FeatureSet,
    /// The filesystem UUID, in text order.
    pub uuid: [u8; 16],
    /// The filesystem label: at most 16 bytes.
    pub label: Vec<u8>,
    /// Seeds the hashes of names in large directories.
    pub hash_seed: [u8; 16],
    /// Mount options that are on by default: `s_default_mount_opts`.
    pub default_mount_options: u32,
    /// The inode of the journal; `None` without a journal, or if it is on another device.
    pub journal_inode: Option<u32>,
    /// The copy of `i_block` and size of the journal's inode.
    pub(in crate::fs::ext4::read) journal_backup: Option<JournalBackup>,
    /// Whether the journal has changes that the rest of the filesystem lacks.
    pub needs_recovery: bool,
    pub(super) state: u16,
    /// How many blocks a cluster has, as a power of two.
    pub(in crate::fs::ext4::read) log_cluster_ratio: u32,
    /// Where the hashes of attributes' values start, also without checksums.
    pub(in crate::fs::ext4::read) value_seed: Seed,
    /// Where checksums over metadata start.
    pub(in crate::fs::ext4::read) seed: Option<Seed>,
    /// The first block of descriptors that lies within its own groups (`meta_bg`).
    pub(in crate::fs::ext4::read) first_meta_bg: u32,
    /// Groups with a copy of the superblock, where `sparse_super2` leaves only two.
    pub(in crate::fs::ext4::read) backup_groups: [u32; 2],
    /// Inodes that belong to the filesystem itself, though they may have any number.
    pub(in crate::fs::ext4::read) own_inodes: Vec<u32>,
}

/// `s_jnl_blocks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fs::ext4::read) struct JournalBackup {
    pub(in crate::fs::ext4::read) i_block: [u8; I_BLOCK_LEN],
    pub(in crate::fs::ext4::read) size: u64,
}

impl Superblock {
    /// Blocks reserved for root, in percent, rounded.
    pub fn reserved_percent(&self) -> u8 {
        let percent = (u128::from(self.reserved_blocks) * 100 + u128::from(self.n_blocks / 2))
            / u128::from(self.n_blocks);
        u8::try_from(percent).unwrap_or(100).min(100)
    }

    /// One inode for so many bytes.
    pub fn bytes_per_inode(&self) -> u64 {
        self.n_bytes() / u64::from(self.n_inodes)
    }

    /// Bytes of the filesystem, which the device may exceed.
    pub fn n_bytes(&self) -> u64 {
        self.n_blocks * u64::from(self.block_size)
    }

    /// Refuses block numbers outside the filesystem; `what` names them.
    pub(in crate::fs::ext4::read) fn check_blocks(
        &self,
        what: Place,
        start: u64,
        len: u64,
    ) -> Result<(), Corrupt> {
        let end = start.checked_add(len);
        if start >= self.first_block && end.is_some_and(|end| end <= self.n_blocks) {
            return Ok(());
        }
        Err(Corrupt::BlockNumber {
            what,
            block: start.saturating_add(len.saturating_sub(1)),
            first: self.first_block,
            last: self.n_blocks - 1,
        })
    }

    /// Refuses inode numbers that no group holds.
    pub(in crate::fs::ext4::read) fn check_inode(
        &self,
        what: Place,
        ino: u32,
    ) -> Result<(), Corrupt> {
        let last = self.n_inodes;
        match (1..=last).contains(&ino) {
            true => Ok(()),
            false => Err(Corrupt::InodeNumber { what, ino, last }),
        }
    }

    /// Refuses a filesystem in which the kernel has seen errors: only a repair makes it consistent.
    pub(in crate::fs::ext4::read) fn check_errors(&self) -> Result<(), Corrupt> {
        match self.state & STATE_ERRORS {
            0 => Ok(()),
            _ => Err(Corrupt::ErrorsRecorded),
        }
    }

    /// Refuses a filesystem that was being written to, unless its journal has what is missing.
    pub(in crate::fs::ext4::read) fn check_clean(&self) -> Result<(), Corrupt> {
        let replayable = self.needs_recovery && self.features.has(feature::HAS_JOURNAL);
        match self.state & STATE_VALID != 0 || replayable {
            true => Ok(()),
            false => Err(Corrupt::Unclean),
        }
    }
}
