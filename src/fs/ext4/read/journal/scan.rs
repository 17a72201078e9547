//! The end of the log, and the content of the transactions before it.
//!
//! A transaction is its descriptors, each with the copies it describes behind it, and revoke
//! blocks, and last its commit block. The log ends at a block that does not belong to the
//! expected transaction: it is of an earlier lap, or was never written.

use super::block::{Header, Log};
use super::checksum::{Checksums, TransactionSum};
use super::commit::Commit;
use super::superblock::Superblock;
use super::tag::tags;
use super::{JournalFault, ReadError};
use crate::fs::ext4::format::journal::{COMMIT, DESCRIPTOR, REVOKE};

/// The content of a log.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// In the order in which they were written.
    pub(super) copies: Vec<Copy>,
    /// Revoke blocks: transaction and block of the journal.
    pub(super) revokes: Vec<(u32, u32)>,
    /// The sequence number of the first transaction that was not completed.
    pub(super) end: u32,
}

/// A block of the filesystem as a transaction wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// The sequence number of the transaction.
    pub(super) transaction: u32,
    /// The block of the filesystem.
    pub(super) block: u64,
    /// The block of the journal.
    pub(super) at: u32,
    /// As in its tag.
    pub(super) checksum: u32,
    /// As in its tag.
    pub(super) escaped: bool,
}

/// The transactions from block `start` of the log on.
pub(super) fn scan(
    log: &Log<'_>,
    superblock: &Superblock,
    start: u32,
) -> Result<Scanned, ReadError> {
    let mut scan = Scan {
        log,
        superblock,
        transaction: superblock.sequence,
        open: Scanned::default(),
        committed: Scanned::default(),
        suspect: false,
        sum: TransactionSum::EMPTY,
        last_commit: 0,
        failed: None,
    };
    let mut lap = log.lap(start);
    while let Some(at) = lap.next() {
        let bytes = log.read(at)?;
        let Some(header) = Header::parse(&bytes) else {
            break;
        };
        if header.transaction != scan.transaction {
            break;
        }
        let goes_on = match header.kind {
            DESCRIPTOR => scan.descriptor(&bytes, &mut lap)?,
            REVOKE => scan.revokes(at, &bytes),
            COMMIT => scan.commit(&bytes)?,
            _ => false,
        };
        if !goes_on {
            break;
        }
    }
    scan.committed.end = scan.failed.unwrap_or(scan.transaction);
    Ok(scan.committed)
}

/// The state of the scan.
struct Scan<'a> {
    log: &'a Log<'a>,
    superblock: &'a Superblock,
    /// The transaction that is expected.
    transaction: u32,
    /// The content of this transaction, as far as it was read.
    open: Scanned,
    /// The content of the transactions before it.
    committed: Scanned,
    /// Whether a block of the open transaction has a wrong checksum.
    suspect: bool,
    /// The open transaction's.
    sum: TransactionSum,
    /// When the transaction before was committed.
    last_commit: u64,
    /// A transaction whose commit block was written too early, before the transaction itself.
    failed: Option<u32>,
}

impl Scan<'_> {
    /// Takes the copies behind a descriptor from `lap`.
    fn descriptor(
        &mut self,
        bytes: &[u8],
        lap: &mut impl Iterator<Item = u32>,
    ) -> Result<bool, ReadError> {
        self.suspect |= !self.superblock.checksums.fit_tail(bytes);
        let sums = matches!(self.superblock.checksums, Checksums::V1);
        if sums {
            self.sum = self.sum.with(bytes);
        }
        for tag in tags(bytes, self.superblock) {
            let Some(at) = lap.next() else {
                return Ok(false);
            };
            if sums {
                self.sum = self.sum.with(&self.log.read(at)?);
            }
            self.open.copies.push(Copy {
                transaction: self.transaction,
                block: tag.block,
                at,
                checksum: tag.checksum,
                escaped: tag.escaped,
            });
        }
        Ok(true)
    }

    fn revokes(&mut self, at: u32, bytes: &[u8]) -> bool {
        self.suspect |= !self.superblock.checksums.fit_tail(bytes);
        self.open.revokes.push((self.transaction, at));
        true
    }

    /// Ends the open transaction. A commit block older than the one before is a leftover of a
    /// journal that was here earlier, and its transaction may well look wrong.
    fn commit(&mut self, bytes: &[u8]) -> Result<bool, ReadError> {
        let commit = Commit::parse(bytes, &self.superblock.checksums, self.sum);
        if self.suspect || !commit.fits {
            if commit.seconds < self.last_commit {
                return Ok(false);
            }
            if self.suspect || !self.superblock.async_commit {
                return Err(self.wrong(self.transaction));
            }
        }
        // Where commit blocks are not waited for, the last one may be too early, but only the
        // last one.
        match self.failed {
            Some(failed) => return Err(self.wrong(failed)),
            None if commit.fits => {
                self.committed.copies.append(&mut self.open.copies);
                self.committed.revokes.append(&mut self.open.revokes);
            }
            None => self.failed = Some(self.transaction),
        }
        self.sum = TransactionSum::EMPTY;
        self.last_commit = commit.seconds;
        self.transaction = self.transaction.wrapping_add(1);
        Ok(true)
    }

    fn wrong(&self, transaction: u32) -> ReadError {
        JournalFault::TransactionChecksum { transaction }.into()
    }
}
