//! Spans of the disk, each claimed by a table, a blob or a partition.

use super::request::{BlobRequest, PartitionRequest};
use crate::disk::mbr;
use crate::disk::table::{Kind, Table};
use crate::units::{Bytes, SECTOR_SIZE};
use std::fmt;

/// The part of the disk that claims a span.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claimant {
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

/// A claimed span of the disk.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) by: Claimant,
    /// The first byte.
    pub(super) start: Bytes,
    /// The first byte behind the span.
    pub(super) end: Bytes,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (bytes {} to {})", self.by, self.start.0, self.end.0)
    }
}

impl Claim {
    fn new(by: Claimant, start: Bytes, len: Bytes) -> Self {
        let end = Bytes(start.0.saturating_add(len.0));
        Self { by, start, end }
    }

    pub(super) fn of_partition(partition: &PartitionRequest, start: Bytes) -> Self {
        let name = Claimant::Partition(partition.name.clone());
        Self::new(name, start, partition.size)
    }

    pub(super) fn of_blob(blob: &BlobRequest) -> Self {
        let len = blob.len.max(blob.max_len.unwrap_or_default());
        Self::new(Claimant::Blob(blob.id.clone()), blob.offset, len)
    }

    /// The claims of the partitions of an existing disk. Logical partitions lie within an extended one,
    /// which claims their span for all of them.
    pub(super) fn of_existing(table: &Table) -> Vec<Self> {
        let primary = table.partitions.iter().filter(|it| !it.is_logical());
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
