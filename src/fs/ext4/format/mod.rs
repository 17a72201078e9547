//! The on-disk format of ext4, as far as reader and writer share it: where each field is, what its
//! values mean, and what is checksummed.
//!
//! Names and values are those of the kernel's `Documentation/filesystems/ext4/` and
//! `fs/ext4/ext4.h`, so that they can be searched for. Numbers are little-endian, those of the
//! journal big-endian.

pub(crate) mod acl;
pub(crate) mod checksum;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod extent;
pub mod feature;
pub(crate) mod field;
pub(crate) mod hash;
pub(crate) mod inode;
pub(crate) mod journal;
pub(crate) mod names;
pub(crate) mod superblock;
pub(crate) mod xattr;
