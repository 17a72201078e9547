//! Compares bytes as they come, in bounded memory: the first blocks that differ are kept, and the others are counted.

use crate::digest::{Hasher, Sha256};
use crate::disk::device::Device;
use std::io::{self, Read};

/// The number of bytes that are compared at once.
const CHUNK: usize = 1 << 20;
/// The unit of differences, which is a block of a filesystem.
const BLOCK: usize = 4096;
/// The most blocks that are kept: 32 MiB with what was expected.
const MAX_KEPT: usize = 4096;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compared {
    /// The length of what was found. If it is longer than expected, it was not read to its end, and this is one more
    /// than the expected length.
    pub(super) len: u64,
    /// The digest of what was found, if it was read to its end.
    pub(super) sha256: Option<Sha256>,
    /// The first blocks that differ, ascending.
    pub(super) differing: Vec<Differing>,
    /// The length of all blocks behind these that differ.
    pub(super) further: u64,
}

/// A block of which bytes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Differing {
    /// The offset of its first byte.
    pub(super) start: u64,
    /// The bytes that were expected.
    pub(super) expected: Box<[u8]>,
    /// The bytes that were found; as many.
    pub(super) found: Box<[u8]>,
}

/// Compares `found` with `expected`. `advance` is called with the number of bytes that were compared.
pub(super) fn compare(
    found: &mut dyn Read,
    expected: &dyn Device,
    advance: &mut dyn FnMut(u64),
) -> io::Result<Compared> {
    let mut compared = Compared {
        len: 0,
        sha256: None,
        differing: Vec::new(),
        further: 0,
    };
    let mut hasher = Hasher::new();
    let (mut chunk, mut wanted) = (vec![0; CHUNK], vec![0; CHUNK]);
    while compared.len < expected.len() {
        let left = expected.len() - compared.len;
        let n = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let n = fill(found, &mut chunk[..n])?;
        if n == 0 {
            break;
        }
        let (chunk, wanted) = (&chunk[..n], &mut wanted[..n]);
        expected.read_at(compared.len, wanted)?;
        hasher.update(chunk);
        if chunk != wanted {
            compared.add(chunk, wanted);
        }
        compared.len += n as u64;
        advance(n as u64);
    }
    match fill(found, &mut chunk[..1])? {
        0 => compared.sha256 = Some(hasher.finish()),
        more => compared.len += more as u64,
    }
    Ok(compared)
}

/// Reads into all of `into`, or as much as there is.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Compared {
    /// Adds the blocks of a chunk that differ. The chunk begins at `self.len`.
    fn add(&mut self, found: &[u8], expected: &[u8]) {
        let mut start = self.len;
        for (found, expected) in found.chunks(BLOCK).zip(expected.chunks(BLOCK)) {
            let len = found.len() as u64;
            if found != expected {
                self.add_block(start, found, expected);
            }
            start += len;
        }
    }

    fn add_block(&mut self, start: u64, found: &[u8], expected: &[u8]) {
        match self.differing.len() < MAX_KEPT {
            true => self.differing.push(Differing {
                start,
                expected: expected.into(),
                found: found.into(),
            }),
            false => self.further += found.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(found: &[u8], expected: &[u8]) -> Compared {
        compare(&mut &*found, &expected, &mut |_| {}).unwrap()
    }

    #[test]
    fn only_what_differs_is_kept() {
        let expected = vec![7; (1 << 20) + 5000];
        let same = compared(&expected, &expected);
        assert_eq!(same.differing, []);
        assert_eq!(same.sha256, Some(Sha256::of(&expected)));
        let mut found = expected.clone();
        found[4097] = 1;
        found[(1 << 20) + 4999] = 1;
        let other = compared(&found, &expected);
        let spans = other.differing.iter().map(|it| (it.start, it.found.len()));
        let spans: Vec<_> = spans.collect();
        assert_eq!(spans, [(4096, 4096), ((1 << 20) + 4096, 904)]);
        assert_eq!(other.sha256, Some(Sha256::of(&found)));
    }

    #[test]
    fn what_is_shorter_or_longer_has_another_length() {
        let expected = [7; 100];
        let shorter = compared(&expected[..60], &expected);
        assert_eq!((shorter.len, shorter.differing), (60, vec![]));
        let longer = compared(&[7; 1000], &expected);
        assert_eq!((longer.len, longer.sha256), (101, None));
    }

    #[test]
    fn memory_is_bounded_however_much_differs() {
        let len = (MAX_KEPT + 10) * BLOCK;
        let other = compared(&vec![1; len], &vec![2; len]);
        assert_eq!(other.differing.len(), MAX_KEPT);
        assert_eq!(other.further, 10 * BLOCK as u64);
    }
}
