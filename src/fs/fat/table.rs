//! The allocation table: for each cluster, the one that follows it.

use super::FatBits;
use super::allocation::Allocation;
use super::geometry::Geometry;
use crate::disk::image::Region;
use std::sync::Arc;

/// Returns all copies of the table. Entries of free clusters are 0 and need no region.
pub(super) fn regions(geometry: &Geometry, media: u8, allocation: &Allocation) -> Vec<Region> {
    let bytes: Arc<[u8]> = encode(geometry.bits, &entries(media, allocation)).into();
    let starts = (0..geometry.n_tables).map(|copy| geometry.table_start(copy));
    starts
        .map(|start| Region::bytes(start, bytes.clone()))
        .collect()
}

/// Returns the entries for FAT32; the other widths use their low bits.
fn entries(media: u8, allocation: &Allocation) -> Vec<u32> {
    const END: u32 = 0x0fff_ffff;
    // Entry 0 repeats the media byte; the high bits of entry 1 say that the volume is clean.
    let mut entries = vec![0x0fff_ff00 | u32::from(media), END];
    for run in allocation.directories.iter().chain(&allocation.files) {
        if run.n_clusters > 0 {
            let last = run.first + run.n_clusters - 1;
            entries.extend(run.first + 1..=last);
            entries.push(END);
        }
    }
    entries
}

fn encode(bits: FatBits, entries: &[u32]) -> Vec<u8> {
    match bits {
        FatBits::Fat32 => entries
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect(),
        FatBits::Fat16 => {
            let low = entries.iter().map(|entry| entry.to_le_bytes());
            low.flat_map(|bytes| [bytes[0], bytes[1]]).collect()
        }
        // Two entries share three bytes.
        FatBits::Fat12 => entries
            .chunks(2)
            .flat_map(|pair| {
                let second = pair.get(1).copied().unwrap_or_default();
                let bytes = (pair[0] & 0xfff | (second & 0xfff) << 12).to_le_bytes();
                [bytes[0], bytes[1], bytes[2]]
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::fat::format::Run;

    #[test]
    fn runs_become_chains_and_empty_files_have_none() {
        let run = |first, n_clusters| Run { first, n_clusters };
        let allocation = Allocation {
            directories: vec![run(2, 1)],
            files: vec![run(0, 0), run(3, 3)],
            next: 6,
        };
        let end = 0x0fff_ffff;
        assert_eq!(
            entries(0xf8, &allocation),
            [0x0fff_fff8, end, end, 4, 5, end]
        );
    }

    #[test]
    fn twelve_bits_are_packed_in_pairs() {
        assert_eq!(
            encode(FatBits::Fat12, &[0xff8, 0xfff, 0x003]),
            [0xf8, 0xff, 0xff, 0x03, 0, 0]
        );
        assert_eq!(encode(FatBits::Fat16, &[0x0fff_fff8]), [0xf8, 0xff]);
    }
}
