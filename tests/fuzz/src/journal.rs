//! `journal`: logs that have to be replayed: superblock, descriptors, copies, revokes, commits.
//!
//! Invariant: that of `superblock`; a replay changes nothing outside of the device.

use super::ext4;
use super::patch::Kind;

pub fn run(input: &[u8]) {
    ext4::run_log(
        &[Kind::LogSuperblock, Kind::LogControl, Kind::LogData],
        input,
    );
}
