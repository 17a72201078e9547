//! Inodes: 256 bytes with type, owner, times, the root of the blocks, and extended attributes.

use super::csum::Seed;
use super::spec::{
    EXTRA_ISIZE, INODE_SIZE, high16, high32, low16, low32, put16, put32, time_fields,
};
use crate::epoch::Timestamp;
use crate::tree::Meta;

/// Bytes of the field that holds the extents' root, a short symlink or a device number.
pub(super) const I_BLOCK: usize = 60;

/// An inode before it is bytes.
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
    pub(super) i_block: [u8; I_BLOCK],
    /// The block of extended attributes; 0 without.
    pub(super) i_file_acl: u64,
}

impl Inode {
    /// The bytes; `write_rest` fills what lies behind the fields. `seed` is the filesystem's.
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
        put16(&mut bytes, 0x00, self.i_mode);
        put16(&mut bytes, 0x02, low16(self.meta.uid));
        put32(&mut bytes, 0x04, low32(self.size));
        for at in [0x08, 0x0c, 0x10] {
            put32(&mut bytes, at, time); // atime, ctime, mtime
        }
        put16(&mut bytes, 0x18, low16(self.meta.gid));
        put16(&mut bytes, 0x1a, self.links);
        put32(&mut bytes, 0x1c, low32(n_sectors));
        put32(&mut bytes, 0x20, self.i_flags);
        bytes[0x28..0x28 + I_BLOCK].copy_from_slice(&self.i_block);
        put32(&mut bytes, 0x68, low32(self.i_file_acl));
        put32(&mut bytes, 0x6c, high32(self.size));
        put16(&mut bytes, 0x74, low16(high32(n_sectors)));
        put16(&mut bytes, 0x76, low16(high32(self.i_file_acl)));
        put16(&mut bytes, 0x78, high16(self.meta.uid));
        put16(&mut bytes, 0x7a, high16(self.meta.gid));
        put16(&mut bytes, 0x80, EXTRA_ISIZE);
        for at in [0x84, 0x88, 0x8c] {
            put32(&mut bytes, at, time_extra);
        }
        put32(&mut bytes, 0x90, born);
        put32(&mut bytes, 0x94, born_extra);
        write_rest(&mut bytes[128 + usize::from(EXTRA_ISIZE)..]);
        if let Some(seed) = seed {
            let sum = seed.inode(self.ino).over(&[&bytes]);
            put16(&mut bytes, 0x7c, low16(sum));
            put16(&mut bytes, 0x82, high16(sum));
        }
        bytes
    }
}

/// A device number as the kernel stores it: the old form where 8 bits suffice for both parts.
/// Nothing where Linux has no such number.
pub(super) fn device(major: u32, minor: u32) -> Option<[u8; I_BLOCK]> {
    if major > 0xfff || minor > 0xf_ffff {
        return None;
    }
    let mut i_block = [0; I_BLOCK];
    if major <= 0xff && minor <= 0xff {
        put32(&mut i_block, 0, major << 8 | minor);
    } else {
        put32(
            &mut i_block,
            4,
            minor & 0xff | major << 8 | (minor & !0xff) << 12,
        );
    }
    Some(i_block)
}
