//! Fast commits: changes since the last transaction, written as what was done (a name added, a
//! range of a file mapped) in an area behind the log. To replay them is to do it again, which
//! takes a filesystem that can be written to; here they are only found.
//!
//! The area is a row of tags: kind and length in 16 bits each, and a value. A head says which
//! transaction the changes belong to; each fast commit ends with a tail and its checksum. Numbers
//! are little-endian. Kernel: `fs/ext4/fast_commit.h`.

use super::ReadError;
use super::block::Log;
use crate::fs::ext4::format::checksum::Seed;
use std::ops::Range;

const TAIL: u16 = 8;
const HEAD: u16 = 9;
/// Bytes of kind and length.
const TAG: usize = 4;

/// Whether a whole fast commit of `transaction` is in `area`.
pub(super) fn any(log: &Log<'_>, area: Range<u32>, transaction: u32) -> Result<bool, ReadError> {
    let mut sum = 0;
    let mut is_first = true;
    for at in area {
        let block = log.read(at)?;
        let mut rest = block.as_slice();
        while let Some(tag) = Tag::parse(rest) {
            if is_first && !tag.begins(transaction) {
                return Ok(false);
            }
            is_first = false;
            if tag.kind == TAIL {
                return Ok(tag.ends(transaction, sum));
            }
            sum = Seed::stored(sum).over(&[tag.whole]);
            rest = &rest[tag.whole.len()..];
        }
        if is_first {
            break;
        }
    }
    Ok(false)
}

/// A tag within a block.
struct Tag<'a> {
    kind: u16,
    whole: &'a [u8],
}

impl<'a> Tag<'a> {
    /// The one that `bytes` begin with, if it ends within them.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<TAG>()?;
        let len = u16::from_le_bytes([head[2], head[3]]);
        Some(Self {
            kind: u16::from_le_bytes([head[0], head[1]]),
            whole: bytes.get(..TAG + usize::from(len))?,
        })
    }

    fn number(&self, at: usize) -> Option<u32> {
        let (number, _) = self.whole.get(TAG + at..)?.split_first_chunk()?;
        Some(u32::from_le_bytes(*number))
    }

    fn begins(&self, transaction: u32) -> bool {
        self.kind == HEAD && self.number(4) == Some(transaction)
    }

    fn ends(&self, transaction: u32, sum: u32) -> bool {
        // The checksum covers the tail up to itself.
        let sum = |covered: &[u8]| Seed::stored(sum).over(&[covered]);
        self.number(0) == Some(transaction) && self.whole.get(..TAG + 4).map(sum) == self.number(4)
    }
}
