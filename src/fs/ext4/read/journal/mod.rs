//! The journal of a filesystem that nobody unmounted, replayed in memory: which blocks of the
//! filesystem the log holds newer versions of, and those versions. Nothing is written.
//!
//! ```text
//! superblock → scan: transactions up to the end of the log, each a list of copies and revokes
//!                └→ replay: the last copy of each block that no later transaction revoked
//! ```
//!
//! A log ends before the first transaction without a commit block. What tells an interrupted
//! transaction from a damaged log is taken from the kernel's `fs/jbd2/recovery.c`, so that what
//! the kernel would refuse to mount is refused here. The format is that of the kernel's
//! `Documentation/filesystems/ext4/journal.rst`; its integers are big-endian.
//!
//! Every block of the log is read at most twice, nothing is kept but blocks that the device has
//! room for, and a log that leads around in a circle ends after one lap.

mod block;
mod checksum;
mod commit;
mod fast_commit;
mod revoke;
mod scan;
mod superblock;
mod tag;

use super::error::{Corrupt, ReadError, Unsupported};
use crate::disk::device::Device;
use block::Log;
use revoke::Revoked;
use std::collections::BTreeMap;
use std::sync::Arc;
use superblock::Superblock;

/// What stands in a journal and is not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalLimit {
    /// Features that this program does not know.
    #[error("unknown features {incompat:#x} (incompat) and {ro_compat:#x} (ro_compat)")]
    Features {
        /// The unknown bits among those that nobody may ignore.
        incompat: u32,
        /// The unknown bits among those that no writer may ignore.
        ro_compat: u32,
    },
    /// Changes in the form of feature `fast_commit`, which say what to do and not what to write.
    #[error("`fast_commit` changes after transaction {transaction}")]
    FastCommits {
        /// The last whole transaction.
        transaction: u32,
    },
    /// Checksums other than CRC-32C.
    #[error("checksums of type {found}, expected 4 (crc32c)")]
    ChecksumType {
        /// The type.
        found: u8,
    },
}

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// No superblock at its beginning.
    #[error(
        "its superblock has magic {magic:#010x} and type {kind}, expected 0xc03b3998 and 3 or 4"
    )]
    NoSuperblock {
        /// The first word.
        magic: u32,
        /// The second word.
        kind: u32,
    },
    /// Blocks of another size than the filesystem's.
    #[error("its blocks have {found} bytes, the filesystem's have {expected}")]
    BlockSize {
        /// What the journal says.
        found: u32,
        /// What the filesystem says.
        expected: u32,
    },
    /// More blocks than the inode has, or a log that begins outside of them.
    #[error("it says to have {blocks} blocks with the log from {first} on, in an inode of {there}")]
    Length {
        /// What the journal says.
        blocks: u32,
        /// First block of the log.
        first: u32,
        /// Blocks of the inode.
        there: u64,
    },
    /// A first transaction outside of the log.
    #[error("its oldest transaction is at block {start}, the log at {first} to {end}")]
    Start {
        /// Where the transaction is said to be.
        start: u32,
        /// First block of the log.
        first: u32,
        /// The block behind the log.
        end: u32,
    },
    /// Kinds of checksums that exclude each other.
    #[error("it has checksums of several versions at once")]
    ChecksumVersions,
    /// A superblock with a wrong checksum.
    #[error("its superblock has checksum {found:#010x}, expected {expected:#010x}")]
    SuperblockChecksum {
        /// As stored.
        found: u32,
        /// As computed.
        expected: u32,
    },
    /// A transaction that was committed and is not what was committed.
    #[error("transaction {transaction} has a wrong checksum")]
    TransactionChecksum {
        /// Its sequence number.
        transaction: u32,
    },
    /// A copy of a block that is not what was committed.
    #[error("the copy of block {block} in transaction {transaction} has a wrong checksum")]
    CopyChecksum {
        /// Sequence number of the transaction.
        transaction: u32,
        /// The block of the filesystem.
        block: u64,
    },
    /// A copy of a block that the device has not.
    #[error("transaction {transaction} writes block {block}, the device has {blocks}")]
    BlockNumber {
        /// Sequence number of the transaction.
        transaction: u32,
        /// The block of the filesystem.
        block: u64,
        /// Blocks of the device.
        blocks: u64,
    },
    /// A list of revoked blocks that is longer than its block.
    #[error("a list of revoked blocks in transaction {transaction} is {len} bytes long")]
    RevokeLength {
        /// Sequence number of the transaction.
        transaction: u32,
        /// The length it says to have.
        len: u32,
    },
}

/// The blocks of the filesystem that `log`, the content of the journal's inode, holds newer
/// versions of. `block_size` is the filesystem's, 1024 or more; `n_blocks` is how many of them the
/// *device* has: the filesystem may have grown within the log.
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
            bytes[..4].copy_from_slice(&block::MAGIC.to_be_bytes());
        }
        newest.insert(block, bytes.into());
    }
    Ok(newest)
}

impl From<JournalLimit> for ReadError {
    fn from(limit: JournalLimit) -> Self {
        Unsupported::Replay(limit).into()
    }
}

impl From<JournalFault> for ReadError {
    fn from(fault: JournalFault) -> Self {
        Corrupt::Replay(fault).into()
    }
}

#[cfg(test)]
mod tests;
