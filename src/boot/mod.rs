//! Boot flows: the files and blobs that a board needs to find and start its kernel.
//!
//! The modules here make values from the files of a tree: nodes for the root filesystem, the tree
//! of a FAT partition, blobs. They run no programs, neither of the host nor of the target.

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
