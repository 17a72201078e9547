//! `superblock`: superblocks and group descriptors of ext4.
//!
//! Invariant, which all targets of ext4 share: whatever stands on a device, opening and reading it ends
//! without a panic, in memory of 24 times the device and 4 MiB, in bounded time. Where there is a tree,
//! each name has an entry on the device, so that there are no more of them than a twelfth of its
//! bytes; every piece of a file lies on the device; reading it again gives the same tree; our own
//! writer seals it or refuses it with an error; and a byte is named as a part of what is around it.
//!
//! Input: see `patch.rs`.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run(&[Kind::Superblock, Kind::Descriptor], input);
}
