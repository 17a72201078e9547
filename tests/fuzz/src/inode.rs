//! `inode`: everything in an inode's slot: type, mode, sizes, flags, times, links, extra fields.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Inode], input);
}
