//! Spans of the disk and who claims them.

use super::request::{BlobRequest, PartitionRequest};
use crate::disk::mbr;
use crate::disk::table::{Entry, Kind, Table};
use crate::units::{Bytes, SECTOR_SIZE};
use std::fmt;

/// Who claims a span of the disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claimant {
    /// Disk id, partition entries and signature in sector 0.
    MbrTable,
    /// The first copy of a GPT.
    GptPrimary,
    /// A blob, by id.
    Blob(String),
    /// A partition, by name.
    Partition(String),
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MbrTable => f.write_str("the partition table in sector 0"),
            Self::GptPrimary => f.write_str("the GPT"),
            Self::Blob(id) => write!(f, "blob `{id}`"),
            Self::Partition(name) => write!(f, "partition `{name}`"),
        }
    }
}

/// A span of the disk that somebody claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub by: Claimant,
    /// First byte.
    pub start: Bytes,
    /// First byte behind.
    pub end: Bytes,
}

impl Claim {
    fn new(by: Claimant, start: Bytes, len: Bytes) -> Self {
        let end = Bytes(start.0.saturating_add(len.0));
        Self { by, start, end }
    }

    pub(super) fn of_partition(partition: &PartitionRequest, start: Bytes) -> Self {
        Self::new(
            Claimant::Partition(partition.name.clone()),
            start,
            partition.size,
        )
    }

    pub(super) fn of_blob(blob: &BlobRequest) -> Self {
        let len = blob.len.max(blob.max_len.unwrap_or_default());
        Self::new(Claimant::Blob(blob.id.clone()), blob.offset, len)
    }

    /// What the partitions of an existing disk claim. Logical ones lie within an extended one, which claims
    /// their span for all of them.
    pub(super) fn of_existing(table: &Table) -> Vec<Self> {
        let partitions = table.partitions.iter();
        let primary = partitions.filter(|it| !matches!(it.entry, Entry::Logical { .. }));
        primary
            .map(|it| Self::new(Claimant::Partition(it.number.to_string()), it.start, it.len))
            .collect()
    }

    /// The tables at the start of the disk. The second copy of a GPT needs no claim: the disk is
    /// made long enough to hold it behind everything else.
    pub(super) fn of_tables(table: &Table) -> Vec<Self> {
        let len = Bytes(SECTOR_SIZE - mbr::TABLE_START);
        let mut claims = vec![Self::new(Claimant::MbrTable, Bytes(mbr::TABLE_START), len)];
        if matches!(table.kind, Kind::Gpt { .. }) {
            let start = Bytes(table.sector.bytes());
            claims.push(Self::new(Claimant::GptPrimary, start, table.copy_len()));
        }
        claims
    }

    /// Whether the two share a byte.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}
