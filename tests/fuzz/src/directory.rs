//! `directory`: blocks of directory entries and the nodes of hash trees.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Directory], input);
}
