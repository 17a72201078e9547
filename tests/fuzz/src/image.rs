//! `image`: several structures of ext4 at once.
//!
//! Invariant: that of `superblock`.

use super::ext4;
use super::patch::Kind;

const ANY: [Kind; 10] = [
    Kind::Superblock,
    Kind::Descriptor,
    Kind::Inode,
    Kind::Extents,
    Kind::Indirect,
    Kind::Directory,
    Kind::Attributes,
    Kind::Inline,
    Kind::LogSuperblock,
    Kind::LogControl,
];

pub fn run(input: &[u8]) {
    ext4::run(&ANY, input);
}
