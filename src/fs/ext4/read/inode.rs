//! Inodes: type, owner, time, and where the content begins.

#[cfg(test)]
mod tests;

use super::error::{Corrupt, ReadError, Unsupported};
use super::group::Group;
use super::patched::Patched;
use super::place::Place;
use super::superblock::{JournalBackup, Superblock};
use crate::epoch::Timestamp;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::extent::{EH_MAGIC, MAGIC};
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::field::{array, low32};
use crate::fs::ext4::format::inode::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The fields of an inode that a tree needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) ino: u32,
    /// Type and permissions.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    pub(super) links: u16,
    pub(super) size: u64,
    /// The space that it occupies, in units of 512 bytes.
    pub(super) n_sectors: u64,
    flags: u32,
    pub(super) i_block: [u8; I_BLOCK_LEN],
    /// The block of extended attributes; 0 without.
    pub(super) file_acl: u64,
    /// The bytes behind the fields, which may be extended attributes.
    pub(super) rest: Vec<u8>,
    /// Where the checksums of its own blocks start.
    pub(super) seed: Option<Seed>,
    /// The hash of the value, in an inode that holds the value of an attribute.
    pub(super) value_hash: u32,
}

impl Inode {
    /// Reads `bytes`, inode `ino`.
    pub(super) fn parse(
        ino: u32,
        bytes: &[u8],
        superblock: &Superblock,
    ) -> Result<Self, ReadError> {
        let extra = extra_len(ino, bytes)?;
        let generation = I_GENERATION.get(bytes);
        let seed = superblock.seed.map(|seed| seed.inode(ino, generation));
        if let Some(seed) = seed {
            verify(ino, bytes, extra, seed)?;
        }
        let flags = I_FLAGS.get(bytes);
        if flags & EXT4_ENCRYPT_FL != 0 {
            return Err(Unsupported::Encrypted { ino }.into());
        }
        if flags & EXT4_VERITY_FL != 0 {
            return Err(Unsupported::Verity { ino }.into());
        }
        let mode = I_MODE.get(bytes);
        let has = |feature| superblock.features.has(feature);
        // In directories without `large_dir`, the upper half was another field once.
        let long = mode & S_IFMT == S_IFREG || has(feature::LARGE_DIR);
        let unit = if flags & EXT4_HUGE_FILE_FL != 0 {
            u64::from(superblock.block_size / 512)
        } else {
            1
        };
        Ok(Self {
            ino,
            mode,
            uid: low32(I_UID.get(bytes, true)),
            gid: low32(I_GID.get(bytes, true)),
            mtime: mtime(ino, bytes, extra)?,
            links: I_LINKS_COUNT.get(bytes),
            size: I_SIZE.get(bytes, long),
            n_sectors: I_BLOCKS.get(bytes, has(feature::HUGE_FILE)) * unit,
            flags,
            i_block: array(&bytes[I_BLOCK]),
            file_acl: I_FILE_ACL.get(bytes, has(feature::SIXTY_FOUR_BIT)),
            rest: bytes[OLD_SIZE + extra..].to_vec(),
            seed,
            value_hash: I_ATIME.get(bytes),
        })
    }

    /// The journal's inode, from its copy in the superblock.
    pub(super) fn of_journal(ino: u32, backup: &JournalBackup, superblock: &Superblock) -> Self {
        let has_extents = EH_MAGIC.get(&backup.i_block) == MAGIC;
        Self {
            ino,
            mode: S_IFREG | 0o600,
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            links: 1,
            size: backup.size,
            n_sectors: 0,
            flags: if has_extents { EXT4_EXTENTS_FL } else { 0 },
            i_block: backup.i_block,
            file_acl: 0,
            rest: Vec::new(),
            seed: superblock.seed.map(|seed| seed.inode(ino, 0)),
            value_hash: 0,
        }
    }

    /// The type, as in `st_mode`.
    pub(super) fn file_type(&self) -> u16 {
        self.mode & S_IFMT
    }

    /// Whether `i_block` is the root of an extent tree.
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXT4_EXTENTS_FL != 0
    }

    /// Whether the content stands in the inode itself.
    pub(super) fn is_inline(&self) -> bool {
        self.flags & EXT4_INLINE_DATA_FL != 0
    }

    /// Whether the blocks of a directory have an index.
    pub(super) fn has_index(&self) -> bool {
        self.flags & EXT4_INDEX_FL != 0
    }

    /// Whether it is the value of an extended attribute.
    pub(super) fn is_value(&self) -> bool {
        self.flags & EXT4_EA_INODE_FL != 0
    }

    /// Whether the target of a symlink that is not inline stands in `i_block`. As in the kernel:
    /// where it has no blocks but perhaps one for attributes; with `ea_inode`, by its length.
    pub(super) fn is_fast_symlink(&self, superblock: &Superblock) -> bool {
        let fits = self.size < self.i_block.len() as u64 && !self.has_extents();
        let cluster = u64::from(superblock.block_size / 512) << superblock.log_cluster_ratio;
        let of_attributes = if self.file_acl == 0 { 0 } else { cluster };
        let by_length = superblock.features.has(feature::EA_INODE);
        fits && (by_length || self.n_sectors <= of_attributes)
    }

    /// The number of a device.
    pub(super) fn device(&self) -> (u32, u32) {
        device(&self.i_block)
    }
}

/// Bytes of the fields behind the first 128.
fn extra_len(ino: u32, bytes: &[u8]) -> Result<usize, Corrupt> {
    if bytes.len() == OLD_SIZE {
        return Ok(0);
    }
    let extra = I_EXTRA_ISIZE.get(bytes);
    let fits = OLD_SIZE + usize::from(extra) <= bytes.len() && extra.is_multiple_of(4);
    let expected = "a multiple of 4, within the inode";
    fits.then_some(usize::from(extra))
        .ok_or_else(|| Place::Inode(ino).unfit("i_extra_isize", extra, expected))
}

/// Refuses an inode with a wrong checksum. Its upper half has a place in large inodes only.
fn verify(ino: u32, bytes: &[u8], extra: usize, seed: Seed) -> Result<(), Corrupt> {
    let has_high = extra >= 4;
    let found = low32(I_CHECKSUM.get(bytes, has_high));
    Place::Inode(ino).verify(found, checksum(seed, bytes, has_high))
}

/// The time as today's kernel reads it: two bits more for the seconds, and nanoseconds, where the
/// inode has the field.
fn mtime(ino: u32, bytes: &[u8], extra: usize) -> Result<Timestamp, Corrupt> {
    let has_field = OLD_SIZE + extra >= I_MTIME_EXTRA.bytes().end;
    let field = if has_field {
        I_MTIME_EXTRA.get(bytes)
    } else {
        0
    };
    let nanoseconds = field >> 2;
    if nanoseconds > 999_999_999 {
        let expected = "fewer than 10^9 nanoseconds";
        return Err(Place::Inode(ino).unfit("i_mtime_extra", field, expected));
    }
    Ok(Timestamp {
        seconds: seconds(I_MTIME.get(bytes), field),
        nanoseconds,
    })
}

/// Bytes of inode tables that are read at once.
const WINDOW: u64 = 32 << 10;
/// Windows in memory: a tree is read directory by directory, and the inodes of a directory are
/// mostly in one group.
const MAX_WINDOWS: usize = 256;

/// The inode tables, read in windows.
pub(super) struct InodeTables<'a> {
    device: &'a Patched<'a>,
    superblock: &'a Superblock,
    groups: &'a [Group],
    /// By first byte in the filesystem.
    windows: BTreeMap<u64, Arc<[u8]>>,
    oldest: VecDeque<u64>,
}

impl<'a> InodeTables<'a> {
    pub(super) fn new(
        device: &'a Patched<'a>,
        superblock: &'a Superblock,
        groups: &'a [Group],
    ) -> Self {
        Self {
            device,
            superblock,
            groups,
            windows: BTreeMap::new(),
            oldest: VecDeque::new(),
        }
    }

    /// Reads inode `ino`, which the filesystem has. `None` if its group says that it was never
    /// used.
    pub(super) fn read(&mut self, ino: u32) -> Result<Option<Inode>, ReadError> {
        let (number, index) = (
            (ino - 1) / self.superblock.inodes_per_group,
            (ino - 1) % self.superblock.inodes_per_group,
        );
        let group = self.groups[number as usize];
        if index >= group.n_inodes {
            return Ok(None);
        }
        let table = group.inode_table * u64::from(self.superblock.block_size);
        let at = u64::from(index) * u64::from(self.superblock.inode_size);
        // Windows are counted from the start of the table, so that an inode lies in one.
        let window = at / WINDOW * WINDOW;
        let table_len =
            self.superblock.inode_table_blocks() * u64::from(self.superblock.block_size);
        let bytes = self.window(table + window, WINDOW.min(table_len - window))?;
        let at = usize::try_from(at - window).expect("within a window");
        let bytes = &bytes[at..at + usize::from(self.superblock.inode_size)];
        Inode::parse(ino, bytes, self.superblock).map(Some)
    }

    fn window(&mut self, start: u64, len: u64) -> Result<Arc<[u8]>, ReadError> {
        if let Some(bytes) = self.windows.get(&start) {
            return Ok(bytes.clone());
        }
        let len = usize::try_from(len).expect("a window is small");
        let bytes: Arc<[u8]> = self.device.read(start, len)?.into();
        if self.oldest.len() == MAX_WINDOWS
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.windows.remove(&oldest);
        }
        self.oldest.push_back(start);
        self.windows.insert(start, bytes.clone());
        Ok(bytes)
    }
}
