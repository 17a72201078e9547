//! Writes a qcow2 disk (version 3), in which clusters of zeros are not there. QEMU's documentation
//! describes the format.
//!
//! ```text
//! header | data clusters | L2 tables | L1 table | refcount blocks | refcount table
//! ```
//!
//! All numbers are big-endian. Every cluster is used once, so that all refcounts are 1.

use std::io;
use std::os::unix::fs::FileExt;

/// The length of a cluster, as its logarithm and in bytes: those that `qemu-img` chooses.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// A cluster of zeros, to compare with.
static ZEROS: [u8; 1 << CLUSTER_BITS] = [0; 1 << CLUSTER_BITS];
/// The length of a disk is a multiple of this.
const SECTOR: u64 = 512;
/// The number of entries of an L2 table.
const L2_ENTRIES: u64 = CLUSTER / 8;
/// The number of entries of a refcount block: 16 bits each.
const REFCOUNTS: u64 = CLUSTER / 2;
/// The length of the header.
const HEADER_LEN: u32 = 104;
/// The flag of a cluster with the refcount 1.
const COPIED: u64 = 1 << 63;

/// A disk that is written from its first cluster to its last.
pub(super) struct Qcow2<'a> {
    file: &'a fs_err::File,
    /// The length of the disk.
    len: u64,
    /// The place of each cluster of the disk in the file; 0 if it is all zeros.
    places: Vec<u64>,
    /// The number of clusters of the file so far.
    n_clusters: u64,
    /// The beginning of the next cluster of the disk.
    pending: Vec<u8>,
}

impl<'a> Qcow2<'a> {
    /// A disk of `len` bytes in `file`, which is empty. A disk has whole sectors.
    pub(super) fn new(file: &'a fs_err::File, len: u64) -> Self {
        Self {
            file,
            len: len.next_multiple_of(SECTOR),
            places: Vec::new(),
            n_clusters: 1,
            pending: Vec::new(),
        }
    }

    /// Writes the next bytes of the disk.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = ZEROS.len() - self.pending.len();
            let (first, rest) = bytes.split_at(room.min(bytes.len()));
            bytes = rest;
            if self.pending.is_empty() && first.len() == ZEROS.len() {
                self.cluster(first)?;
                continue;
            }
            self.pending.extend_from_slice(first);
            if self.pending.len() == ZEROS.len() {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the tables and the header.
    pub(super) fn end(mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.pending.resize(ZEROS.len(), 0);
            self.flush()?;
        }
        let places = std::mem::take(&mut self.places);
        let mut l1 = Vec::new();
        for table in places.chunks(ZEROS.len() / 8) {
            let is_empty = table.iter().all(|place| *place == 0);
            l1.push(if is_empty { 0 } else { self.table(table)? });
        }
        let l1_place = self.table(&l1)? & !COPIED;
        let (refcount_place, n_table_clusters) = self.refcounts()?;
        let header = self.header(l1.len(), l1_place, refcount_place, n_table_clusters);
        self.file.file().write_all_at(&header, 0)?;
        self.file.set_len(self.n_clusters * CLUSTER)
    }

    fn flush(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.cluster(&pending)?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Writes a cluster of the disk, unless it is all zeros.
    fn cluster(&mut self, bytes: &[u8]) -> io::Result<()> {
        let place = match bytes == ZEROS {
            true => 0,
            false => self.append(bytes)? | COPIED,
        };
        self.places.push(place);
        Ok(())
    }

    /// Writes `entries` as a table, and gives its place as an entry of another table.
    fn table(&mut self, entries: &[u64]) -> io::Result<u64> {
        let bytes: Vec<u8> = entries.iter().flat_map(|it| it.to_be_bytes()).collect();
        Ok(self.append(&bytes)? | COPIED)
    }

    /// Writes `bytes` into new clusters at the end of the file, and gives their place.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let place = self.n_clusters * CLUSTER;
        self.file.file().write_all_at(bytes, place)?;
        self.n_clusters += (bytes.len() as u64).div_ceil(CLUSTER);
        Ok(place)
    }

    /// Writes the refcounts of all clusters, and gives the place of their table and the number of its
    /// clusters. They count the clusters in which they stand themselves.
    fn refcounts(&mut self) -> io::Result<(u64, u64)> {
        let (mut n_blocks, mut n_tables) = (0, 0);
        loop {
            let n_all = self.n_clusters + n_blocks + n_tables;
            let blocks = n_all.div_ceil(REFCOUNTS);
            let tables = blocks.div_ceil(L2_ENTRIES);
            if (blocks, tables) == (n_blocks, n_tables) {
                break;
            }
            (n_blocks, n_tables) = (blocks, tables);
        }
        let mut n_left = self.n_clusters + n_blocks + n_tables;
        let mut table = Vec::new();
        for _ in 0..n_blocks {
            let n = n_left.min(REFCOUNTS);
            n_left -= n;
            let block: Vec<u8> = (0..n).flat_map(|_| 1_u16.to_be_bytes()).collect();
            table.push(self.append(&block)?);
        }
        let bytes: Vec<u8> = table.iter().flat_map(|it| it.to_be_bytes()).collect();
        Ok((self.append(&bytes)?, n_tables))
    }

    fn header(
        &self,
        n_l1: usize,
        l1_place: u64,
        refcount_place: u64,
        n_table_clusters: u64,
    ) -> Vec<u8> {
        let word = |n: u64| u32::try_from(n).expect("a table of a disk that fits into a file");
        let mut header = Vec::new();
        let mut put = |bytes: &[u8]| header.extend_from_slice(bytes);
        put(b"QFI\xfb");
        put(&3_u32.to_be_bytes());
        // There is no backing file.
        put(&[0; 12]);
        put(&CLUSTER_BITS.to_be_bytes());
        put(&self.len.to_be_bytes());
        // Nothing is encrypted.
        put(&0_u32.to_be_bytes());
        put(&word(n_l1 as u64).to_be_bytes());
        put(&l1_place.to_be_bytes());
        put(&refcount_place.to_be_bytes());
        put(&word(n_table_clusters).to_be_bytes());
        // There are no snapshots, and no features.
        put(&[0; 12]);
        put(&[0; 24]);
        // A refcount has 2^4 bits.
        put(&4_u32.to_be_bytes());
        put(&HEADER_LEN.to_be_bytes());
        // There are no extensions of the header.
        put(&[0; 8]);
        header
    }
}
