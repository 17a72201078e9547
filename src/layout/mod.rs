//! Where every table, blob and partition lies.
//!
//! `solve` places what has no fixed address and checks everything at once: tables, blobs and
//! partitions claim spans of the disk, and no two claims may meet. `assemble` then puts the
//! contents where the layout says. Nothing else in the project decides an address on the disk.

mod assemble;
mod check;
mod claim;
mod show;

pub use assemble::{AssembleError, assemble};
pub use check::{LayoutErrors, Violation};
pub use claim::{Claim, Claimant};

use crate::disk::{Extent, gpt, mbr};
use crate::units::{Bytes, Lba, SECTOR_SIZE};
use check::Checker;

/// Which partition table a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// GUID partition table.
    Gpt {
        /// The disk GUID, in text order.
        disk_guid: [u8; 16],
    },
    /// The classic table of four primary partitions.
    Mbr {
        /// The disk id; PARTUUIDs derive from it.
        disk_id: u32,
    },
}

/// What the partition table says of a partition, in the words of its kind of table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// For a GPT.
    Gpt(gpt::Entry),
    /// For an MBR.
    Mbr(mbr::Entry),
}

/// A partition to be placed. Its number is its position in the request, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRequest {
    /// The name in the definition; for messages and [`assemble`].
    pub name: String,
    /// What the table says of it.
    pub entry: Entry,
    /// Offset on the disk; without one, the first aligned gap behind the partition before.
    pub start: Option<Bytes>,
    /// Final length, as measured.
    pub size: Bytes,
}

/// Raw bytes at a fixed offset: a boot loader. What fills a whole partition, as GRUB's core does
/// its BIOS boot partition, is that partition's content and no blob. Bytes 440 to 512 of the disk
/// are never a blob's: a boot loader that lies across them is two blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRequest {
    /// The name in the definition; for messages and [`assemble`].
    pub id: String,
    /// Offset on the disk.
    pub offset: Bytes,
    /// Length of the bytes at hand.
    pub len: Bytes,
    /// Room that is kept for it, and the longest that it may be.
    pub max_len: Option<Bytes>,
}

/// Everything that has to find its place on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The table.
    pub table: Table,
    /// Every partition starts at a multiple of this, and the disk ends at one.
    pub alignment: Bytes,
    /// The partitions, by number.
    pub partitions: Vec<PartitionRequest>,
    /// The blobs.
    pub blobs: Vec<BlobRequest>,
    /// The disk is at least this long.
    pub min_len: Option<Bytes>,
}

/// A partition that has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The name in the definition.
    pub name: String,
    /// What the table says of it.
    pub entry: Entry,
    /// Where it lies.
    pub extent: Extent,
}

/// Every address on a disk, free of overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Length of the disk.
    pub len: Bytes,
    /// The table.
    pub table: Table,
    /// The partitions, by number.
    pub partitions: Vec<Placed>,
    /// The blobs, as requested.
    pub blobs: Vec<BlobRequest>,
}

/// Places everything, or says everything that stands against it.
pub fn solve(request: &Request) -> Result<Layout, LayoutErrors> {
    let mut checker = Checker::new(request);
    let placed = place(request);
    let ends = placed.iter().map(|claim| claim.end);
    let blobs_end = request.blobs.iter().map(|blob| Claim::of_blob(blob).end);
    let end = ends.chain(blobs_end).max().unwrap_or_default();
    let len = disk_len(request, end);
    checker.claims(placed.iter().cloned(), len);
    checker.finish()?;
    let partitions = request.partitions.iter().zip(&placed);
    Ok(Layout {
        len: len.expect("the checker refuses what has no length"),
        table: request.table,
        partitions: partitions
            .map(|(request, claim)| put(request, claim))
            .collect(),
        blobs: request.blobs.clone(),
    })
}

fn put(request: &PartitionRequest, claim: &Claim) -> Placed {
    Placed {
        name: request.name.clone(),
        entry: request.entry.clone(),
        extent: Extent {
            start: Lba(claim.start.0 / SECTOR_SIZE),
            n_sectors: request.size.0 / SECTOR_SIZE,
        },
    }
}

/// One claim for each partition, in order. Sums that leave 64 bits stop at the last number, which
/// the checker refuses as too long.
fn place(request: &Request) -> Vec<Claim> {
    let mut fixed: Vec<Claim> = request.blobs.iter().map(Claim::of_blob).collect();
    fixed.extend(Claim::of_tables(&request.table));
    let with_start = request.partitions.iter().filter_map(|partition| {
        let start = partition.start?;
        Some(Claim::of_partition(partition, start))
    });
    fixed.extend(with_start);
    let mut cursor = Bytes(0);
    let mut placed = Vec::new();
    for partition in &request.partitions {
        let claim = match partition.start {
            Some(start) => Claim::of_partition(partition, start),
            None => first_gap(partition, cursor, request.alignment, &fixed),
        };
        cursor = claim.end;
        placed.push(claim);
    }
    placed
}

/// The first aligned place at or behind `from` where `partition` meets nothing that is fixed.
fn first_gap(
    partition: &PartitionRequest,
    from: Bytes,
    alignment: Bytes,
    fixed: &[Claim],
) -> Claim {
    // An alignment of 0 is refused by the checker; here it only must not divide.
    let alignment = Bytes(alignment.0.max(1));
    let aligned = |bytes: Bytes| bytes.align_up(alignment).unwrap_or(Bytes(u64::MAX));
    // At 0 lies the table's own sector, whatever the alignment.
    let mut claim = Claim::of_partition(partition, aligned(from.max(Bytes(SECTOR_SIZE))));
    // Each round passes at least one fixed claim for good, so the rounds are bounded.
    while let Some(obstacle) = fixed.iter().find(|other| other.meets(&claim)) {
        if claim.end.0 == u64::MAX {
            break;
        }
        claim = Claim::of_partition(partition, aligned(obstacle.end));
    }
    claim
}

/// The length of the disk: everything up to `end`, the second copy of a GPT, and the minimum.
fn disk_len(request: &Request, end: Bytes) -> Option<Bytes> {
    let table = match request.table {
        Table::Gpt { .. } => Lba(gpt::TABLE_SECTORS).bytes().0,
        Table::Mbr { .. } => 0,
    };
    let tables_end = Lba(gpt::FIRST_USABLE.0).bytes();
    let needed = end.max(tables_end).0.checked_add(table)?;
    let wanted = Bytes(needed).max(request.min_len.unwrap_or_default());
    wanted.align_up(Bytes(request.alignment.0.max(SECTOR_SIZE)))
}

#[cfg(test)]
mod tests;
