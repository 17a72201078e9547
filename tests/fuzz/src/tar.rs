//! `tar`: the headers of a tar archive, as it lies within a .deb.
//!
//! Invariant: whatever the bytes are, the walk ends without a panic, in memory of 64 times the
//! archive and 1 MiB; what an entry holds lies within the archive, entries follow each other and do
//! not overlap, there is at most one per block, modes have 12 bits, and nothing follows an error.
//!
//! Input: a byte that says whether header checksums are made right, and the archive.

use super::limits::within;
use imgbuild::dpkg::deb::tar::entries;
use imgbuild::dpkg::deb::{Entry, TarError};

const BLOCK: usize = 512;

pub fn run(input: &[u8]) {
    let Some((mode, archive)) = input.split_first() else {
        return;
    };
    let mut archive = archive.to_vec();
    if mode & 1 == 1 {
        archive.chunks_exact_mut(BLOCK).for_each(repair);
    }
    judge(&archive);
}

/// Walks `archive`; see the invariant.
pub fn judge(archive: &[u8]) {
    let len = archive.len() as u64;
    let found: Vec<Result<Entry, TarError>> = within(archive.len() * 64 + (1 << 20), || {
        entries(&archive).collect()
    });
    assert!(found.len() <= archive.len() / BLOCK + 1);
    let mut at = 0;
    for (index, entry) in found.iter().enumerate() {
        let Ok(entry) = entry else {
            assert_eq!(index + 1, found.len(), "an error ends the walk");
            break;
        };
        assert!(
            entry.offset > at || index == 0 && entry.offset >= at,
            "entries advance"
        );
        at = entry.offset + entry.size;
        assert!(at <= len, "content lies within the archive");
        assert!(entry.mode <= 0o7777);
    }
}

/// Makes the checksum of a header right.
fn repair(block: &mut [u8]) {
    if block.iter().all(|byte| *byte == 0) {
        return;
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
