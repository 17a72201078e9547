//! `extent`: extent trees and block maps, in inodes and below them.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Extents, Kind::Indirect], input);
}
