//! Why a journal cannot be replayed.

/// A property of a journal that this reader does not replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalLimit {
    /// Features that this reader does not know.
    #[error("unknown features {incompat:#x} (incompat) and {ro_compat:#x} (ro_compat)")]
    Features {
        /// The unknown bits of `s_feature_incompat`.
        incompat: u32,
        /// The unknown bits of `s_feature_ro_compat`.
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
        /// The value in the journal.
        found: u32,
        /// The value in the filesystem.
        expected: u32,
    },
    /// More blocks than the inode has, or a log that begins outside of them.
    #[error("it says to have {blocks} blocks with the log from {first} on, in an inode of {there}")]
    Length {
        /// The value in the journal.
        blocks: u32,
        /// First block of the log.
        first: u32,
        /// Blocks of the inode.
        there: u64,
    },
    /// A first transaction outside of the log.
    #[error("its oldest transaction is at block {start}, the log at {first} to {end}")]
    Start {
        /// `s_start` of the journal.
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
    /// A copy of a block that the device does not have.
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
        /// Its length, as it stands in its header.
        len: u32,
    },
}
