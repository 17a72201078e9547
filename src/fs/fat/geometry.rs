//! How a partition of a given length is divided into reserved sectors, tables and clusters.

use super::format::{ENTRY_SIZE, FIRST_CLUSTER};
use super::{FatBits, FatError};
use crate::units::{Bytes, SECTOR_SIZE};

/// Copies of the allocation table. Two is what every reader expects.
const N_TABLES: u64 = 2;
/// Entries of the root directory of FAT12 and FAT16, which cannot grow.
const ROOT_ENTRIES: u64 = 512;

/// Readers tell the width by the number of clusters alone: below 4,085, below 65,525, or more.
/// Microsoft advises to stay 16 away from these borders, because readers count differently.
const BORDER: u64 = 16;
pub(super) const FAT12_END: u64 = 4085;
pub(super) const FAT16_END: u64 = 65_525;
pub(super) const FAT32_END: u64 = 0x0fff_fff5;
/// The largest cluster that every reader takes: 32 KiB.
const MAX_SECTORS_PER_CLUSTER: u64 = 64;
/// Sector counts of a FAT are 32-bit numbers.
const MAX_SECTORS: u64 = u32::MAX as u64;

impl FatBits {
    /// The fewest and the most clusters.
    fn clusters(self) -> (u64, u64) {
        match self {
            Self::Fat12 => (1, FAT12_END - 1 - BORDER),
            Self::Fat16 => (FAT12_END + BORDER, FAT16_END - 1 - BORDER),
            Self::Fat32 => (FAT16_END + BORDER, FAT32_END - 1 - BORDER),
        }
    }

    /// How many sectors of `sector` bytes a table with room for `n_clusters` has.
    pub(super) fn table_sectors(self, n_clusters: u64, sector: u64) -> u64 {
        let entries = n_clusters + u64::from(FIRST_CLUSTER);
        let bits = match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        };
        (entries * bits).div_ceil(8 * sector)
    }
}

/// The division of one partition. All counts are in sectors of `sector` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) bits: FatBits,
    /// Bytes of a sector: 512, except in a filesystem that was read.
    pub(super) sector: u64,
    pub(super) n_sectors: u64,
    pub(super) sectors_per_cluster: u64,
    pub(super) reserved: u64,
    pub(super) n_tables: u64,
    pub(super) table_sectors: u64,
    /// Entries of the root directory of FAT12 and FAT16; 0 on FAT32.
    pub(super) root_entries: u64,
    pub(super) n_clusters: u64,
}

impl Geometry {
    /// The division for `len`: the width asked for, else the largest possible.
    pub(super) fn choose(len: Bytes, bits: Option<FatBits>) -> Result<Self, FatError> {
        let widths: &[FatBits] = match &bits {
            Some(bits) => std::slice::from_ref(bits),
            None => &[FatBits::Fat32, FatBits::Fat16, FatBits::Fat12],
        };
        let sectors = len.sectors().filter(|sectors| sectors.0 <= MAX_SECTORS);
        let found = sectors.and_then(|sectors| {
            widths
                .iter()
                .find_map(|bits| Self::of_width(sectors.0, *bits))
        });
        found.ok_or_else(|| FatError::Len {
            bits,
            len,
            min: shortest(bits),
            max: longest(bits),
        })
    }

    fn of_width(n_sectors: u64, bits: FatBits) -> Option<Self> {
        let (min, max) = bits.clusters();
        // FAT32 gets the largest cluster size up to the usual one that gives enough clusters, the
        // other widths the smallest that gives few enough.
        let mut sizes: Vec<u64> = (0..).map(|n| 1 << n).take_while(|n| *n <= 64).collect();
        if bits == FatBits::Fat32 {
            sizes.reverse();
            sizes.retain(|size| *size <= fat32_cluster(n_sectors));
        }
        let mut divisions = sizes
            .into_iter()
            .filter_map(|size| Self::divide(n_sectors, bits, size));
        divisions.find(|it| (min..=max).contains(&it.n_clusters))
    }

    fn divide(n_sectors: u64, bits: FatBits, sectors_per_cluster: u64) -> Option<Self> {
        // A table for all sectors, not only those that become clusters, is a few sectors too long.
        let most = n_sectors / sectors_per_cluster;
        let table_sectors = bits.table_sectors(most.min(FAT32_END), SECTOR_SIZE);
        let tables = table_sectors * N_TABLES;
        let reserved = match bits {
            FatBits::Fat12 | FatBits::Fat16 => 1,
            // Room for boot sector, FSInfo and their copies, as usual; rounded up so that
            // clusters start at a multiple of their size and of 4 KiB, for flash and reflinks.
            FatBits::Fat32 => {
                let unit = sectors_per_cluster.max(8);
                (32 + tables).next_multiple_of(unit) - tables
            }
        };
        let root_entries = match bits {
            FatBits::Fat12 | FatBits::Fat16 => ROOT_ENTRIES,
            FatBits::Fat32 => 0,
        };
        let before = reserved + tables + root_entries * ENTRY_SIZE as u64 / SECTOR_SIZE;
        let n_clusters = n_sectors.checked_sub(before)? / sectors_per_cluster;
        Some(Self {
            bits,
            sector: SECTOR_SIZE,
            n_sectors,
            sectors_per_cluster,
            reserved,
            n_tables: N_TABLES,
            table_sectors,
            root_entries,
            n_clusters,
        })
    }

    /// Offset behind the last sector.
    pub(super) fn end(&self) -> u64 {
        self.n_sectors * self.sector
    }

    /// Bytes of a cluster.
    pub(super) fn cluster(&self) -> u64 {
        self.sectors_per_cluster * self.sector
    }

    /// How many clusters `len` bytes take.
    pub(super) fn clusters_for(&self, len: u64) -> u64 {
        len.div_ceil(self.cluster())
    }

    /// Offset of table `copy`, counted from 0.
    pub(super) fn table_start(&self, copy: u64) -> u64 {
        (self.reserved + copy * self.table_sectors) * self.sector
    }

    /// Offset of the root directory of FAT12 and FAT16.
    pub(super) fn root_start(&self) -> u64 {
        self.table_start(self.n_tables)
    }

    /// Length of the root directory of FAT12 and FAT16.
    pub(super) fn root_len(&self) -> u64 {
        self.root_entries * ENTRY_SIZE as u64
    }

    /// Offset of a cluster.
    pub(super) fn cluster_start(&self, cluster: u32) -> u64 {
        let index = u64::from(cluster - FIRST_CLUSTER);
        self.root_start() + self.root_len() + index * self.cluster()
    }

    /// Offset behind the last cluster. A few sectors may follow that are too few for another one.
    pub(super) fn clusters_end(&self) -> u64 {
        self.root_start() + self.root_len() + self.n_clusters * self.cluster()
    }

    /// The length, in whole MiB, of a partition of this cluster size for `clusters` and `free`
    /// bytes.
    pub(super) fn len_for(&self, clusters: u128, free: Bytes) -> Result<Bytes, FatError> {
        let needed = clusters + u128::from(self.clusters_for(free.0));
        let n_clusters = u64::try_from(needed).unwrap_or(u64::MAX);
        let len = |n_clusters: u64| {
            let clusters = n_clusters.checked_mul(self.sectors_per_cluster)?;
            // One more than the tables need, since `divide` counts sectors before the clusters too.
            let n_entries = n_clusters.min(FAT32_END);
            let tables = (self.bits.table_sectors(n_entries, SECTOR_SIZE) + 1) * N_TABLES;
            let sectors = clusters.checked_add(tables + 64 + self.sectors_per_cluster * 2)?;
            Bytes(sectors.checked_mul(SECTOR_SIZE)?).align_up(Bytes::MIB)
        };
        len(n_clusters).ok_or(FatError::Full {
            needed: n_clusters,
            found: self.n_clusters,
            cluster: Bytes(self.cluster()),
            len: longest(Some(self.bits)),
        })
    }
}

/// Returns the sectors of a cluster that Microsoft's formatter chooses.
fn fat32_cluster(n_sectors: u64) -> u64 {
    const GIB: u64 = (1 << 30) / SECTOR_SIZE;
    match n_sectors {
        n if n <= 260 << 11 => 1,
        n if n <= 8 * GIB => 8,
        n if n <= 16 * GIB => 16,
        n if n <= 32 * GIB => 32,
        _ => MAX_SECTORS_PER_CLUSTER,
    }
}

/// The shortest partition of that width, in whole MiB.
pub(super) fn shortest(bits: Option<FatBits>) -> Bytes {
    Bytes::mib(match bits {
        None | Some(FatBits::Fat12) => 1,
        Some(FatBits::Fat16) => 3,
        Some(FatBits::Fat32) => 33,
    })
}

/// The longest partition of that width, in whole MiB.
fn longest(bits: Option<FatBits>) -> Bytes {
    Bytes::mib(match bits {
        Some(FatBits::Fat12) => 127,
        Some(FatBits::Fat16) => 2047,
        None | Some(FatBits::Fat32) => 2_097_151,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(mib: u64, bits: Option<FatBits>) -> (FatBits, u64) {
        let geometry = Geometry::choose(Bytes::mib(mib), bits).unwrap();
        (geometry.bits, geometry.sectors_per_cluster)
    }

    #[test]
    fn the_width_is_the_largest_that_the_length_allows() {
        for (mib, expected) in [
            (1, (FatBits::Fat12, 1)),
            (3, (FatBits::Fat16, 1)),
            (32, (FatBits::Fat16, 1)),
            (33, (FatBits::Fat32, 1)),
            (64, (FatBits::Fat32, 1)),
            (512, (FatBits::Fat32, 8)),
            (20 * 1024, (FatBits::Fat32, 32)),
        ] {
            assert_eq!(cluster(mib, None), expected, "{mib} MiB");
        }
        assert_eq!(cluster(512, Some(FatBits::Fat16)), (FatBits::Fat16, 16));
    }

    #[test]
    fn the_shortest_and_the_longest_of_each_width_work_and_one_beyond_does_not() {
        for bits in [FatBits::Fat12, FatBits::Fat16, FatBits::Fat32] {
            let choose = |len: u64| Geometry::choose(Bytes(len), Some(bits));
            let (min, max) = (shortest(Some(bits)).0, longest(Some(bits)).0);
            assert!(choose(min).is_ok() && choose(max).is_ok(), "{bits:?}");
            assert!(choose(max + (2 << 20)).is_err(), "{bits:?}");
            assert!(choose(min + 1).is_err(), "not whole sectors");
        }
        assert!(Geometry::choose(Bytes(u64::MAX - 511), None).is_err());
        assert!(Geometry::choose(Bytes(0), None).is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_tables_reach_all_clusters_and_the_clusters_fit(sectors in 40_u64..=u32::MAX.into()) {
            for bits in [FatBits::Fat12, FatBits::Fat16, FatBits::Fat32] {
                let Some(it) = Geometry::of_width(sectors, bits) else { continue };
                let last = FIRST_CLUSTER + u32::try_from(it.n_clusters - 1).unwrap();
                proptest::prop_assert!(it.cluster_start(last) + it.cluster() <= sectors * 512);
                proptest::prop_assert!(it.table_sectors >= bits.table_sectors(it.n_clusters, 512));
                proptest::prop_assert!(it.table_sectors <= bits.table_sectors(it.n_clusters, 512) + 520);
            }
        }
    }
}
