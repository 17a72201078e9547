//! The commit block, which makes a transaction one that happened.

use super::block::{be32, be64};
use super::checksum::{Checksums, TransactionSum};

/// Bytes of the fields; the rest of the block is zeros.
const SIZE: usize = 60;
/// `JBD2_CRC32_CHKSUM` and its length.
const CRC32: [u8; 2] = [1, 4];
const CHECKSUM: usize = 16;

/// A commit block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    /// When, in seconds since 1970.
    pub(super) seconds: u64,
    /// Whether its checksum is right.
    pub(super) fits: bool,
}

impl Commit {
    /// The commit block `bytes` of a transaction with `sum`.
    pub(super) fn parse(bytes: &[u8], checksums: &Checksums, sum: TransactionSum) -> Self {
        let found = be32(bytes, CHECKSUM);
        let kind = &bytes[12..14];
        let fits = match checksums {
            Checksums::None => true,
            // A kernel that was told to stop checksumming leaves zeros.
            Checksums::V1 => kind == CRC32 && found == sum.value() || kind == [0, 0] && found == 0,
            Checksums::V2(seed) | Checksums::V3(seed) => {
                let (before, behind) = (&bytes[..CHECKSUM], &bytes[CHECKSUM + 4..]);
                let whole = seed.over(&[before, &[0; 4], behind]);
                // Only the first sector may have reached the disk; what counts is in there.
                let fields = &bytes[CHECKSUM + 4..SIZE];
                let zeros = vec![0; bytes.len() - SIZE];
                whole == found || seed.over(&[before, &[0; 4], fields, &zeros]) == found
            }
        };
        Self {
            seconds: be64(bytes, 48),
            fits,
        }
    }
}
