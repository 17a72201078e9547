//! `inline`: files and directories that lie within their inodes.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Inline], input);
}
