//! Decides where every table, blob and partition of a disk lies.
//!
//! [`solve`] starts from a new or an existing disk. It gives an address to each partition that has no fixed one,
//! moves the partitions behind one that has grown, and checks everything at once: tables, blobs and partitions
//! claim spans of the disk, and no two claims may overlap. [`assemble`] then puts the contents at these
//! addresses, and copies the rest from an existing disk. Nothing else in the project decides an address on the disk.

mod assemble;
mod check;
mod claim;
mod request;
mod show;

pub use assemble::{AssembleError, assemble};
pub use check::LayoutErrors;
pub use request::{BlobRequest, Existing, LENGTH_UNIT, PartitionRequest, Request, Start};

use crate::disk::gpt;
use crate::disk::table::{Partition, Table};
use crate::units::{Bytes, SECTOR_SIZE};
use check::Checker;
use claim::Claim;
use std::collections::{BTreeMap, BTreeSet};

/// Every address on a disk, free of overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Length of the disk.
    pub len: Bytes,
    /// The table, with every partition.
    pub table: Table,
    /// The names of the new partitions in the definition, by number.
    pub names: BTreeMap<u32, String>,
    /// The blobs, as requested.
    pub blobs: Vec<BlobRequest>,
    /// The disk from which the layout started.
    pub existing: Option<Existing>,
}

impl Layout {
    /// Whether an existing disk keeps its table, byte for byte.
    fn keeps_table(&self) -> bool {
        let existing = self.existing.as_ref();
        existing.is_some_and(|it| it.keeps_table(&self.table))
    }
}

/// Gives everything in `request` its address.
///
/// # Errors
///
/// The request breaks rules; all violations are reported together.
pub fn solve(request: &Request) -> Result<Layout, LayoutErrors> {
    let mut checker = Checker::new(request);
    let growth = Growth::of(request);
    let mut table = growth.applied(request);
    // An unchanged table claims no span: it may overlap parts of the disk that it overlapped before.
    let keeps_table = request.partitions.is_empty()
        && (request.start.existing()).is_some_and(|it| it.keeps_table(&table));
    let mut fixed = match keeps_table {
        true => Vec::new(),
        false => Claim::of_tables(&table),
    };
    fixed.extend(request.blobs.iter().map(Claim::of_blob));
    fixed.extend(Claim::of_existing(&table));
    let placed = place(request, &fixed);
    let ends = fixed.iter().chain(&placed).map(|claim| claim.end);
    let end = ends.max().unwrap_or_default();
    let len = match (request.start.existing(), keeps_table) {
        (Some(existing), true) => Bytes(existing.disk.len()).max(end).align_up(LENGTH_UNIT),
        _ => disk_len(request, &table, &growth, end),
    };
    checker.claims(fixed, &placed, len);
    checker.finish()?;
    let names = add(&mut table, request, &placed);
    Ok(Layout {
        len: len.expect("the checker refuses a disk whose length does not fit 64 bits"),
        table,
        names,
        blobs: request.blobs.clone(),
        existing: request.start.existing().cloned(),
    })
}

/// Adds the new partitions to `table` at the addresses of `placed`, and gives their names by number.
fn add(table: &mut Table, request: &Request, placed: &[Claim]) -> BTreeMap<u32, String> {
    let taken: BTreeSet<u32> = table.partitions.iter().map(|it| it.number).collect();
    let free = (1..).filter(|number| !taken.contains(number));
    let mut names = BTreeMap::new();
    for ((partition, claim), number) in request.partitions.iter().zip(placed).zip(free) {
        names.insert(number, partition.name.clone());
        table.partitions.push(Partition {
            number,
            start: claim.start,
            len: partition.size,
            entry: partition.entry.clone(),
        });
    }
    table.partitions.sort_by_key(|partition| partition.number);
    names
}

/// How far the partitions of an existing disk move because partitions before them have grown.
struct Growth {
    /// For each partition that has grown: where it ended before, and how far everything behind it moves.
    steps: Vec<(Bytes, Bytes)>,
}

impl Growth {
    fn of(request: &Request) -> Self {
        let table = request.start.table();
        let step = |partition: &Partition| {
            let len = request.grown.get(&partition.number)?;
            let by = Bytes(len.0.checked_sub(partition.len.0)?);
            let aligned = by.align_up(Bytes(request.alignment.0.max(1)));
            Some((partition.end(), aligned.unwrap_or(Bytes(u64::MAX))))
        };
        let steps = table.partitions.iter().filter_map(step).collect();
        Self { steps }
    }

    /// How far a partition moves that started at `at`.
    fn behind(&self, at: Bytes) -> Bytes {
        let before = self.steps.iter().filter(|(end, _)| *end <= at);
        Bytes(before.fold(0, |sum, (_, by)| sum.saturating_add(by.0)))
    }

    /// The table of the disk of `request`, with longer partitions and with those behind them moved.
    fn applied(&self, request: &Request) -> Table {
        let mut table = request.start.table();
        for partition in &mut table.partitions {
            let by = self.behind(partition.start);
            partition.start = Bytes(partition.start.0.saturating_add(by.0));
            let len = request.grown.get(&partition.number).copied();
            partition.len = len.unwrap_or_default().max(partition.len);
        }
        table
    }
}

/// One claim for each new partition, in order. Sums that do not fit 64 bits become `u64::MAX`, and the
/// checker refuses that as too long.
fn place(request: &Request, fixed: &[Claim]) -> Vec<Claim> {
    let mut fixed = fixed.to_vec();
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

/// The first aligned address at or behind `from` where `partition` overlaps no fixed claim.
fn first_gap(
    partition: &PartitionRequest,
    from: Bytes,
    alignment: Bytes,
    fixed: &[Claim],
) -> Claim {
    // The checker refuses an alignment of 0; here it must only not be a divisor.
    let alignment = Bytes(alignment.0.max(1));
    let aligned = |bytes: Bytes| bytes.align_up(alignment).unwrap_or(Bytes(u64::MAX));
    // Sector 0 holds the table, whatever the alignment is.
    let mut claim = Claim::of_partition(partition, aligned(from.max(Bytes(SECTOR_SIZE))));
    // Each round moves behind at least one fixed claim, so the number of rounds is bounded.
    while let Some(obstacle) = fixed.iter().find(|other| other.meets(&claim)) {
        if claim.end.0 == u64::MAX {
            break;
        }
        claim = Claim::of_partition(partition, aligned(obstacle.end));
    }
    claim
}

/// The length of the disk: everything up to `end`, and the second copy of a GPT. An existing disk does
/// not become shorter, and it becomes longer by the growth of its partitions. It is a multiple of [`LENGTH_UNIT`],
/// which is one of every sector. `None` if the length does not fit 64 bits.
fn disk_len(request: &Request, table: &Table, growth: &Growth, end: Bytes) -> Option<Bytes> {
    let needed = end
        .max(gpt::FIRST_USABLE.bytes())
        .0
        .checked_add(table.copy_len().0)?;
    match request.start.existing() {
        None => Bytes(needed).align_up(Bytes(request.alignment.0.max(1))),
        Some(existing) => {
            let before = Bytes(existing.disk.len());
            let moved = before.0.checked_add(growth.behind(before).0)?;
            Some(Bytes(needed.max(moved)))
        }
    }?
    .align_up(LENGTH_UNIT)
}

#[cfg(test)]
mod tests;
