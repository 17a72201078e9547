//! The allocation table: it gives the chain of each file, in which no cluster may have two owners.

use super::boot::Boot;
use super::error::{Corrupt, ReadError, read_at};
use crate::disk::device::Device;
use crate::fs::fat::FatBits;
use crate::fs::fat::format::{FIRST_CLUSTER, Run};
use crate::tree::TreePath;
use std::collections::BTreeMap;

/// Bytes of the table that are read at once. An entry of any width ends with such a page.
const PAGE: u64 = 3 * 4096;

/// The table of one filesystem. The pages that were read stay in memory.
pub(super) struct Table<'a> {
    device: &'a dyn Device,
    bits: FatBits,
    /// Offset of the table in bytes.
    start: u64,
    len: u64,
    last_cluster: u32,
    pages: BTreeMap<u64, Vec<u8>>,
    /// One bit for each cluster, set when it belongs to a chain.
    claimed: Vec<u64>,
}

impl<'a> Table<'a> {
    pub(super) fn new(device: &'a dyn Device, boot: &Boot) -> Self {
        let geometry = &boot.shape.geometry;
        let n_clusters = u32::try_from(geometry.n_clusters).expect("checked: below 2^28");
        let last_cluster = n_clusters + FIRST_CLUSTER - 1;
        Self {
            device,
            bits: geometry.bits,
            start: geometry.table_start(boot.active_table),
            len: geometry.table_sectors * geometry.sector,
            last_cluster,
            pages: BTreeMap::new(),
            claimed: vec![0; last_cluster as usize / 64 + 1],
        }
    }

    /// Returns the clusters of `path` from `first` on, which now belong to it. A chain has an end
    /// because no cluster is claimed twice.
    pub(super) fn claim(&mut self, path: &TreePath, first: u32) -> Result<Vec<Run>, ReadError> {
        let mut runs: Vec<Run> = Vec::new();
        let (mut from, mut to) = (0, first);
        loop {
            self.claim_one(path, from, to)?;
            match runs.last_mut() {
                Some(run) if run.first + run.n_clusters == to => run.n_clusters += 1,
                _ => runs.push(Run {
                    first: to,
                    n_clusters: 1,
                }),
            }
            from = to;
            to = self.entry(to)?;
            if to >= self.top() - 7 {
                return Ok(runs);
            }
        }
    }

    /// Returns the runs of clusters that are free, ascending.
    pub(super) fn free(&mut self) -> Result<Vec<Run>, ReadError> {
        let mut runs: Vec<Run> = Vec::new();
        for cluster in FIRST_CLUSTER..=self.last_cluster {
            let entry = self.entry(cluster)?;
            // Entries are read in order, so that one page is enough.
            while self.pages.len() > 1 {
                self.pages.pop_first();
            }
            match runs.last_mut() {
                _ if entry != 0 => {}
                Some(run) if run.first + run.n_clusters == cluster => run.n_clusters += 1,
                _ => runs.push(Run {
                    first: cluster,
                    n_clusters: 1,
                }),
            }
        }
        Ok(runs)
    }

    fn claim_one(&mut self, path: &TreePath, from: u32, to: u32) -> Result<(), Corrupt> {
        let what = match to {
            0 => "a free one",
            1 => "a reserved number",
            _ if to <= self.last_cluster => {
                let (word, bit) = (&mut self.claimed[to as usize / 64], 1 << (to % 64));
                if *word & bit != 0 {
                    let path = path.clone();
                    return Err(Corrupt::Shared { path, from, to });
                }
                *word |= bit;
                return Ok(());
            }
            _ if to == self.top() - 8 => "a bad one",
            _ => "none",
        };
        Err(Corrupt::Link {
            path: path.clone(),
            from,
            to,
            what,
            last: self.last_cluster,
        })
    }

    /// The largest value of an entry. It and the seven below it end a chain.
    fn top(&self) -> u32 {
        match self.bits {
            FatBits::Fat12 => 0xfff,
            FatBits::Fat16 => 0xffff,
            FatBits::Fat32 => 0x0fff_ffff,
        }
    }

    /// The entry of `cluster`, which the filesystem has.
    fn entry(&mut self, cluster: u32) -> Result<u32, ReadError> {
        let cluster = u64::from(cluster);
        let (offset, n_bytes) = match self.bits {
            FatBits::Fat12 => (cluster / 2 * 3, 3),
            FatBits::Fat16 => (cluster * 2, 2),
            FatBits::Fat32 => (cluster * 4, 4),
        };
        let page = self.page(offset / PAGE)?;
        let at = usize::try_from(offset % PAGE).expect("within a page");
        let mut bytes = [0; 4];
        // The last pair of FAT12 may have only its first half.
        let found = &page[at..page.len().min(at + n_bytes)];
        bytes[..found.len()].copy_from_slice(found);
        let entry = u32::from_le_bytes(bytes);
        Ok(match self.bits {
            FatBits::Fat12 if cluster % 2 == 1 => entry >> 12 & 0xfff,
            FatBits::Fat12 => entry & 0xfff,
            FatBits::Fat16 => entry,
            // The upper four bits are reserved.
            FatBits::Fat32 => entry & 0x0fff_ffff,
        })
    }

    fn page(&mut self, index: u64) -> Result<&[u8], ReadError> {
        if !self.pages.contains_key(&index) {
            let at = index * PAGE;
            let len = PAGE.min(self.len - at);
            let mut bytes = vec![0; usize::try_from(len).expect("at most a page")];
            read_at(self.device, self.start + at, &mut bytes)?;
            self.pages.insert(index, bytes);
        }
        Ok(&self.pages[&index])
    }
}
