//! Boot flows: what must lie where so that a board finds its kernel.
//!
//! Everything here is a value made from the files of a tree: nodes for the root filesystem, the tree
//! of a FAT partition, blobs. No program of the host and none of the target runs.

pub mod contents;
pub mod cpio;
pub mod elf;
pub mod extlinux;
pub mod fstab;
pub mod growth;
pub mod grub;
pub mod initramfs;
pub mod libraries;
pub mod modules;
pub mod rpi;
