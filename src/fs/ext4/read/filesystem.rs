//! A filesystem that was opened: its superblock, its groups, and the blocks that only its journal
//! has.

use super::claims::Claims;
use super::error::{Corrupt, ReadError, Unsupported};
use super::file::{self, FileView};
use super::group::{self, Group};
use super::inode::{Inode, InodeTables};
use super::journal;
use super::patched::Patched;
use super::place::Place;
use super::superblock::Superblock;
use crate::disk::device::Device;
use crate::fs::ext4::format::inode::S_IFREG;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Blocks that the journal changes.
pub(super) type Changed = BTreeMap<u64, Arc<[u8]>>;

const SMALLEST_BLOCK: u32 = 1024;

/// A filesystem that can be read.
pub struct Filesystem<'a> {
    pub(super) device: Patched<'a>,
    pub(super) superblock: Superblock,
    pub(super) groups: Vec<Group>,
}

impl<'a> Filesystem<'a> {
    /// Reads the superblock and the group descriptors of the filesystem with which `device` begins.
    /// Blocks that only its journal has replace those of the device in memory.
    ///
    /// # Errors
    /// Fails if the device cannot be read, or if the filesystem is damaged or beyond this reader.
    pub fn open(device: &'a dyn Device) -> Result<Self, ReadError> {
        let unreplayed = Self::with(device, Changed::new())?;
        unreplayed.superblock.check_errors()?;
        unreplayed.superblock.check_clean()?;
        if !unreplayed.superblock.needs_recovery {
            return Ok(unreplayed);
        }
        let block_size = unreplayed.superblock.block_size;
        let n_blocks = device.len() / u64::from(block_size);
        let changed = journal::replay(&unreplayed.journal()?, block_size, n_blocks)?;
        let replayed = Self::with(device, changed)?;
        replayed.superblock.check_errors()?;
        Ok(replayed)
    }

    /// The properties of the filesystem.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Returns the number of blocks of the journal, if it is part of the filesystem.
    ///
    /// # Errors
    /// Fails if the inode of the journal cannot be read, or is not one of a journal.
    pub fn journal_blocks(&self) -> Result<Option<u64>, ReadError> {
        let inode = self.journal_inode()?;
        Ok(inode.map(|inode| inode.size / u64::from(self.superblock.block_size)))
    }

    /// Returns the free bytes, those that only root may use among them, and the number of free inodes, as
    /// the groups count them. Numbers that exceed the filesystem are reduced to its size.
    pub fn free_counts(&self) -> (u64, u64) {
        let cluster = u64::from(self.superblock.block_size) << self.superblock.log_cluster_ratio;
        let clusters: u64 = self.groups.iter().map(|it| u64::from(it.free.0)).sum();
        let inodes: u64 = self.groups.iter().map(|it| u64::from(it.free.1)).sum();
        (
            clusters
                .saturating_mul(cluster)
                .min(self.superblock.n_bytes()),
            inodes.min(self.superblock.n_inodes.into()),
        )
    }

    /// Opens the filesystem with the blocks `changed` in place of its own.
    pub(super) fn with(device: &'a dyn Device, changed: Changed) -> Result<Self, ReadError> {
        let blocks = |size, changed| Patched::new(device, size, changed);
        // The superblock lies within a block of any size; only then is the size known.
        let first = Superblock::read(&blocks(SMALLEST_BLOCK, Changed::new()))?;
        let device = blocks(first.block_size, changed);
        let superblock = Superblock::read(&device)?;
        if superblock.block_size != first.block_size {
            return Err(Corrupt::JournalBlockSize {
                found: superblock.block_size,
                expected: first.block_size,
            }
            .into());
        }
        let groups = group::read(&device, &superblock)?;
        Ok(Self {
            device,
            superblock,
            groups,
        })
    }

    /// The journal's inode, or the copy in the superblock if the inode is damaged.
    pub(super) fn journal_inode(&self) -> Result<Option<Inode>, ReadError> {
        let Some(ino) = self.superblock.journal_inode else {
            return Ok(None);
        };
        self.superblock.check_inode(Place::Superblock, ino)?;
        let read = self.inode_tables().read(ino);
        match (read, &self.superblock.journal_backup) {
            (Ok(Some(inode)), _) if inode.file_type() == S_IFREG && inode.links > 0 => {
                Ok(Some(inode))
            }
            (Err(error @ ReadError::Io { .. }), _) => Err(error),
            (_, Some(backup)) => Ok(Some(Inode::of_journal(ino, backup, &self.superblock))),
            (Err(error), None) => Err(error),
            (Ok(_), None) => Err(Corrupt::Journal { ino }.into()),
        }
    }

    /// The content of the journal.
    fn journal(&self) -> Result<FileView<'_>, ReadError> {
        let inode = self.journal_inode()?.ok_or(Unsupported::ExternalJournal)?;
        let mut claims = Claims::default();
        let runs = file::runs(&inode, &self.device, &self.superblock, &mut claims)?;
        let block_size = u64::from(self.superblock.block_size);
        let n_blocks = inode.size.div_ceil(block_size);
        file::check_whole(inode.ino, &runs, n_blocks, "a journal")?;
        Ok(FileView {
            device: &self.device,
            block_size,
            runs,
            len: inode.size,
        })
    }

    pub(super) fn inode_tables(&self) -> InodeTables<'_> {
        InodeTables::new(&self.device, &self.superblock, &self.groups)
    }
}
