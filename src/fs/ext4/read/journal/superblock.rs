//! The journal's superblock: where the log is, where it begins, and how it is written.

use super::checksum::Checksums;
use super::{JournalFault, JournalLimit, ReadError};
use crate::disk::device::Device;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::field::array;
use crate::fs::ext4::format::journal::*;
use std::ops::Range;

/// Bytes of the superblock, whatever the size of blocks.
const SIZE: usize = 1024;

const COMPAT_CHECKSUM: u32 = 0x1;
const INCOMPAT_64BIT: u32 = 0x2;
const INCOMPAT_ASYNC_COMMIT: u32 = 0x4;
const INCOMPAT_CSUM_V2: u32 = 0x8;
const INCOMPAT_CSUM_V3: u32 = 0x10;
const INCOMPAT_FAST_COMMIT: u32 = 0x20;
/// All that are known: these and `REVOKE`, 0x1, which only says that there may be such blocks.
const INCOMPAT_KNOWN: u32 = 0x3f;

/// `JBD2_CRC32C_CHKSUM`
const CRC32C: u8 = 4;
/// The kernel's `JBD2_MIN_JOURNAL_BLOCKS`: what fast commits leave to the log.
const MIN_LOG: u32 = 1024;
/// The kernel's `JBD2_DEFAULT_FAST_COMMIT_BLOCKS`.
const DEFAULT_FAST_COMMITS: u32 = 256;

/// The values of the superblock.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// First block of the log.
    pub(super) first: u32,
    /// The block behind the log.
    pub(super) end: u32,
    /// Where the oldest transaction is; `None` in an empty log.
    pub(super) start: Option<u32>,
    /// The sequence number of the oldest transaction.
    pub(super) sequence: u32,
    /// Which parts have checksums.
    pub(super) checksums: Checksums,
    /// Whether block numbers have 64 bits.
    pub(super) sixty_four_bit: bool,
    /// Whether a commit block may be on disk before the blocks that it commits.
    pub(super) async_commit: bool,
    /// Blocks outside of the log that may hold fast commits.
    pub(super) fast_commits: Option<Range<u32>>,
}

impl Superblock {
    /// The superblock of the journal on `log`, checked: its numbers lie within the device.
    pub(super) fn read(log: &dyn Device, block_size: u32) -> Result<Self, ReadError> {
        let mut bytes = [0; SIZE];
        log.read_at(0, &mut bytes)
            .map_err(|source| ReadError::JournalIo { block: 0, source })?;
        let (magic, kind) = (be32(&bytes, H_MAGIC), be32(&bytes, H_BLOCKTYPE));
        if magic != MAGIC || !matches!(kind, SUPERBLOCK_V1 | SUPERBLOCK_V2) {
            return Err(JournalFault::NoSuperblock { magic, kind }.into());
        }
        let found = be32(&bytes, S_BLOCKSIZE);
        if found != block_size {
            let expected = block_size;
            return Err(JournalFault::BlockSize { found, expected }.into());
        }
        // Version 1 ends before the features.
        if kind == SUPERBLOCK_V1 {
            bytes[S_FEATURE_COMPAT..].fill(0);
        }
        let incompat = be32(&bytes, S_FEATURE_INCOMPAT);
        let checksums = checksums(&bytes)?;
        let (first, n_blocks) = (be32(&bytes, S_FIRST), be32(&bytes, S_MAXLEN));
        let there = log.len() / u64::from(block_size);
        if first == 0 || first >= n_blocks || u64::from(n_blocks) > there {
            let blocks = n_blocks;
            return Err(JournalFault::Length {
                blocks,
                first,
                there,
            }
            .into());
        }
        let fast_commits = (incompat & INCOMPAT_FAST_COMMIT != 0)
            .then(|| fast_commit_area(n_blocks, be32(&bytes, S_NUM_FC_BLKS)));
        // One block between the log and the fast commits stays unused.
        let end = fast_commits
            .as_ref()
            .map_or(n_blocks, |area| area.start - 1);
        let start = be32(&bytes, S_START);
        if start != 0 && !(first..end).contains(&start) {
            return Err(JournalFault::Start { start, first, end }.into());
        }
        Ok(Self {
            first,
            end,
            start: (start != 0).then_some(start),
            sequence: be32(&bytes, S_SEQUENCE),
            checksums,
            sixty_four_bit: incompat & INCOMPAT_64BIT != 0,
            async_commit: incompat & INCOMPAT_ASYNC_COMMIT != 0,
            fast_commits,
        })
    }
}

/// Checks the features, and the superblock's own checksum where they ask for it.
fn checksums(bytes: &[u8; SIZE]) -> Result<Checksums, ReadError> {
    let features = [S_FEATURE_COMPAT, S_FEATURE_INCOMPAT, S_FEATURE_RO_COMPAT];
    let [compat, incompat, ro_compat] = features.map(|at| be32(bytes, at));
    if incompat & !INCOMPAT_KNOWN != 0 || ro_compat != 0 {
        let incompat = incompat & !INCOMPAT_KNOWN;
        return Err(JournalLimit::Features {
            incompat,
            ro_compat,
        }
        .into());
    }
    let versions = [
        compat & COMPAT_CHECKSUM != 0,
        incompat & INCOMPAT_CSUM_V2 != 0,
        incompat & INCOMPAT_CSUM_V3 != 0,
    ];
    let seed = Seed::filesystem(&array(&bytes[S_UUID]));
    let checksums = match versions {
        [false, false, false] => return Ok(Checksums::None),
        [true, false, false] => return Ok(Checksums::V1),
        [false, true, false] => Checksums::V2(seed),
        [false, false, true] => Checksums::V3(seed),
        _ => return Err(JournalFault::ChecksumVersions.into()),
    };
    let found = bytes[S_CHECKSUM_TYPE];
    if found != CRC32C {
        return Err(JournalLimit::ChecksumType { found }.into());
    }
    let found = be32(bytes, S_CHECKSUM);
    let expected = Seed::NONE.over_without(bytes, &[S_CHECKSUM..S_CHECKSUM + 4]);
    if found != expected {
        return Err(JournalFault::SuperblockChecksum { found, expected }.into());
    }
    Ok(checksums)
}

/// Where fast commits are in a journal of `n_blocks`, at its end. As in the kernel, they
/// get no block if too few would be left for the log.
fn fast_commit_area(n_blocks: u32, wanted: u32) -> Range<u32> {
    let wanted = match wanted {
        0 => DEFAULT_FAST_COMMITS,
        wanted => wanted,
    };
    let log_end = match n_blocks.checked_sub(wanted) {
        Some(left @ MIN_LOG..) => left,
        _ => n_blocks,
    };
    log_end.saturating_add(1)..n_blocks
}
