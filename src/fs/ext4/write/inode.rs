//! Inodes: 256 bytes with type, owner, times, the root of the blocks, and extended attributes.

use super::sizes::{EXTRA_ISIZE, INODE_SIZE};
use crate::epoch::Timestamp;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::inode::*;
use crate::tree::Meta;

/// The values of an inode.
pub(super) struct Inode {
    pub(super) ino: u32,
    /// Type and permissions.
    pub(super) i_mode: u16,
    pub(super) meta: Meta,
    pub(super) links: u16,
    pub(super) size: u64,
    /// All blocks it owns, also those for extents and attributes.
    pub(super) n_blocks: u64,
    pub(super) i_flags: u32,
    pub(super) i_block: [u8; I_BLOCK_LEN],
    /// The block of extended attributes; 0 without.
    pub(super) i_file_acl: u64,
}

impl Inode {
    /// Returns the bytes. `write_rest` fills the part behind the fields. `seed` is the filesystem's.
    pub(super) fn write(
        &self,
        born: Timestamp,
        seed: Option<Seed>,
        write_rest: impl FnOnce(&mut [u8]),
    ) -> [u8; INODE_SIZE] {
        let mut bytes = [0; INODE_SIZE];
        let (time, time_extra) = time_fields(self.meta.mtime);
        let (born, born_extra) = time_fields(born);
        let n_sectors = self.n_blocks * 8;
        I_MODE.put(&mut bytes, self.i_mode);
        I_UID.put(&mut bytes, self.meta.uid);
        I_SIZE.put(&mut bytes, self.size);
        for field in [I_ATIME, I_CTIME, I_MTIME] {
            field.put(&mut bytes, time);
        }
        I_GID.put(&mut bytes, self.meta.gid);
        I_LINKS_COUNT.put(&mut bytes, self.links);
        I_BLOCKS.put(&mut bytes, n_sectors);
        I_FLAGS.put(&mut bytes, self.i_flags);
        bytes[I_BLOCK].copy_from_slice(&self.i_block);
        I_FILE_ACL.put(&mut bytes, self.i_file_acl);
        I_EXTRA_ISIZE.put(&mut bytes, EXTRA_ISIZE);
        for field in [I_CTIME_EXTRA, I_MTIME_EXTRA, I_ATIME_EXTRA] {
            field.put(&mut bytes, time_extra);
        }
        I_CRTIME.put(&mut bytes, born);
        I_CRTIME_EXTRA.put(&mut bytes, born_extra);
        write_rest(&mut bytes[OLD_SIZE + usize::from(EXTRA_ISIZE)..]);
        if let Some(seed) = seed {
            let sum = checksum(seed.inode(self.ino, 0), &bytes, true);
            I_CHECKSUM.put(&mut bytes, sum);
        }
        bytes
    }
}
