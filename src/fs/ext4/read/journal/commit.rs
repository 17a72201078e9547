//! The commit block, which completes a transaction.

use super::checksum::{Checksums, TransactionSum};
use crate::fs::ext4::format::journal::{be32, be64};

/// Bytes of the fields; the rest of the block is zeros.
const SIZE: usize = 60;
/// `JBD2_CRC32_CHKSUM` and its length.
const CRC32: [u8; 2] = [1, 4];
const CHECKSUM: usize = 16;

/// A commit block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    /// The time of the commit, in seconds since 1970.
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
            // A kernel on which checksums were switched off writes zeros.
            Checksums::V1 => kind == CRC32 && found == sum.value() || kind == [0, 0] && found == 0,
            Checksums::V2(seed) | Checksums::V3(seed) => {
                let field = CHECKSUM..CHECKSUM + 4;
                // Perhaps only the first sector reached the disk; all fields are in there.
                let fields = [field.clone(), SIZE..bytes.len()];
                seed.over_without(bytes, &[field]) == found
                    || seed.over_without(bytes, &fields) == found
            }
        };
        Self {
            seconds: be64(bytes, 48),
            fits,
        }
    }
}
