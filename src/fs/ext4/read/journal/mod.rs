//! The journal of a filesystem that was not unmounted, replayed in memory: it gives the newer
//! versions of blocks of the filesystem that the log has. Nothing is written.
//!
//! ```text
//! superblock → scan: transactions up to the end of the log, each a list of copies and revokes
//!                └→ replay: the last copy of each block that no later transaction revoked
//! ```
//!
//! A log ends before the first transaction without a commit block. An interrupted transaction is
//! told from a damaged log as in the kernel's `fs/jbd2/recovery.c`, so that a filesystem that the
//! kernel would refuse to mount is refused here. The format is that of the kernel's
//! `Documentation/filesystems/ext4/journal.rst`; its integers are big-endian.
//!
//! Every block of the log is read at most twice, only blocks within the device stay in memory, and
//! a log that leads in a circle ends after one lap.

mod block;
mod checksum;
mod commit;
mod fast_commit;
mod revoke;
mod scan;
mod superblock;
mod tag;

use super::error::{JournalFault, JournalLimit, ReadError};
use crate::disk::device::Device;
use crate::fs::ext4::format::journal::MAGIC;
use block::Log;
use revoke::Revoked;
use std::collections::BTreeMap;
use std::sync::Arc;
use superblock::Superblock;

/// Returns the blocks of the filesystem of which `log`, the content of the journal's inode, has
/// newer versions. `block_size` is the filesystem's, 1024 or more; `n_blocks` is how many of them
/// the *device* has: the filesystem may have grown within the log.
pub(super) fn replay(
    log: &dyn Device,
    block_size: u32,
    n_blocks: u64,
) -> Result<BTreeMap<u64, Arc<[u8]>>, ReadError> {
    let superblock = Superblock::read(log, block_size)?;
    let Some(start) = superblock.start else {
        return Ok(BTreeMap::new());
    };
    let log = Log::new(log, block_size, superblock.first..superblock.end);
    let scanned = scan::scan(&log, &superblock, start)?;
    if let Some(area) = &superblock.fast_commits
        && fast_commit::any(&log, area.clone(), scanned.end)?
    {
        let transaction = scanned.end.wrapping_sub(1);
        return Err(JournalLimit::FastCommits { transaction }.into());
    }
    let mut revoked = Revoked::among(scanned.copies.iter().map(|copy| copy.block));
    for (transaction, at) in scanned.revokes {
        revoked.add(transaction, &log.read(at)?, &superblock)?;
    }
    let mut newest = BTreeMap::new();
    for copy in &scanned.copies {
        let (block, transaction) = (copy.block, copy.transaction);
        if revoked.covers(block, transaction) {
            continue;
        }
        let mut bytes = log.read(copy.at)?;
        let checksums = &superblock.checksums;
        if !checksums.fit_copy(transaction, &bytes, copy.checksum) {
            return Err(JournalFault::CopyChecksum { transaction, block }.into());
        }
        if block >= n_blocks {
            let blocks = n_blocks;
            let fault = JournalFault::BlockNumber {
                transaction,
                block,
                blocks,
            };
            return Err(fault.into());
        }
        if copy.escaped {
            bytes[..4].copy_from_slice(&MAGIC.to_be_bytes());
        }
        newest.insert(block, bytes.into());
    }
    Ok(newest)
}

#[cfg(test)]
mod tests;
