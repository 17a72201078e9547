//! `xattr`: extended attributes in inodes, in blocks and in inodes of their own, with ACLs.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Attributes], input);
}
