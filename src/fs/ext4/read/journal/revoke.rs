//! Revoked blocks: copies of them up to the revoking transaction must not be replayed, because the
//! block has become something that is not journaled.

use super::superblock::Superblock;
use super::{JournalFault, ReadError};
use crate::fs::ext4::format::journal::{HEADER, be32, be64};
use std::collections::BTreeMap;

/// The last transaction that revoked a block. Only blocks with copies are recorded, so that no log
/// can take more memory than it has tags.
#[derive(Debug, Default)]
pub(super) struct Revoked(BTreeMap<u64, Option<u32>>);

impl Revoked {
    /// No revocation of any of `blocks`.
    pub(super) fn among(blocks: impl Iterator<Item = u64>) -> Self {
        Self(blocks.map(|block| (block, None)).collect())
    }

    /// Adds what the revoke block `bytes` of `transaction` lists.
    pub(super) fn add(
        &mut self,
        transaction: u32,
        bytes: &[u8],
        superblock: &Superblock,
    ) -> Result<(), ReadError> {
        // The length counts the header and itself.
        let len = be32(bytes, HEADER);
        let list = usize::try_from(len)
            .ok()
            .filter(|end| *end <= bytes.len() - superblock.checksums.tail())
            .ok_or(JournalFault::RevokeLength { transaction, len })?;
        let list = bytes.get(HEADER + 4..list).unwrap_or_default();
        let width = if superblock.sixty_four_bit { 8 } else { 4 };
        for number in list.chunks_exact(width) {
            let block = match superblock.sixty_four_bit {
                true => be64(number, 0),
                false => be32(number, 0).into(),
            };
            if let Some(last) = self.0.get_mut(&block)
                && last.is_none_or(|last| is_before(last, transaction))
            {
                *last = Some(transaction);
            }
        }
        Ok(())
    }

    /// Whether a copy of `block` in `transaction` is not to be replayed.
    pub(super) fn covers(&self, block: u64, transaction: u32) -> bool {
        let last = self.0.get(&block).copied().flatten();
        last.is_some_and(|last| !is_before(last, transaction))
    }
}

/// Whether sequence number `a` comes before `b`; they wrap around.
fn is_before(a: u32, b: u32) -> bool {
    b.wrapping_sub(a).cast_signed() > 0
}
