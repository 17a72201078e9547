//! A filesystem while its tree is read: its tables, and the owner of each block.

use super::claims::Claims;
use super::error::{Corrupt, ReadError};
use super::extent::Run;
use super::file;
use super::filesystem::Filesystem;
use super::inode::{Inode, InodeTables};
use super::patched::Patched;
use super::superblock::Superblock;

pub(super) struct Volume<'a> {
    pub(super) device: &'a Patched<'a>,
    pub(super) superblock: &'a Superblock,
    inodes: InodeTables<'a>,
    pub(super) claims: Claims,
}

impl<'a> Volume<'a> {
    pub(super) fn new(filesystem: &'a Filesystem<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            device: &filesystem.device,
            superblock: &filesystem.superblock,
            inodes: filesystem.inode_tables(),
            claims: Claims::of_tables(&filesystem.superblock, &filesystem.groups)?,
        })
    }

    /// Reads inode `ino`, which the filesystem has. `None` if it is not in use.
    pub(super) fn inode(&mut self, ino: u32) -> Result<Option<Inode>, ReadError> {
        let inode = self.inodes.read(ino)?;
        Ok(inode.filter(|inode| inode.links > 0 && inode.mode != 0))
    }

    /// Returns the runs of `inode`, which is not inline. This claims its blocks, so a second call
    /// fails.
    pub(super) fn runs(&mut self, inode: &Inode) -> Result<Vec<Run>, ReadError> {
        file::runs(inode, self.device, self.superblock, &mut self.claims)
    }

    /// The runs of `inode`, which is `what`: they hold its first `n_blocks` blocks.
    pub(super) fn runs_without_holes(
        &mut self,
        inode: &Inode,
        n_blocks: u64,
        what: &'static str,
    ) -> Result<Vec<Run>, ReadError> {
        let runs = self.runs(inode)?;
        file::check_whole(inode.ino, &runs, n_blocks, what)?;
        Ok(runs)
    }

    /// The content of `inode`, which is `what` and not inline.
    pub(super) fn content(
        &mut self,
        inode: &Inode,
        what: &'static str,
    ) -> Result<Vec<u8>, ReadError> {
        let n_blocks = inode.size.div_ceil(u64::from(self.superblock.block_size));
        let runs = self.runs_without_holes(inode, n_blocks, what)?;
        let mut content = Vec::new();
        for run in runs {
            let len = run.len.min(n_blocks.saturating_sub(run.file_block));
            content.extend(self.read_blocks(run.start, len)?);
        }
        content.truncate(usize::try_from(inode.size).expect("it is in memory"));
        Ok(content)
    }

    /// `len` blocks from `start` on, which lie within the filesystem.
    pub(super) fn read_blocks(&self, start: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        let block_size = u64::from(self.superblock.block_size);
        let bytes = usize::try_from(len * block_size).expect("it is read into memory");
        self.device.read(start * block_size, bytes)
    }
}
