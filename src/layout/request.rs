//! What has to find its place on a disk, and what is on that disk before.

use crate::disk::image::Image;
use crate::disk::table::{Entry, Kind, Table};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// What a layout starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new disk, which gets a table of this kind.
    New(Kind),
    /// A disk that is there already.
    Existing(Existing),
}

/// A disk that is there already. Its table and everything on it stay, but for what is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Its table, with its partitions.
    pub table: Table,
    /// All of its bytes.
    pub disk: Image,
}

impl Start {
    /// The table before anything is placed.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::New(kind) => Table::new(kind.clone()),
            Self::Existing(existing) => existing.table.clone(),
        }
    }

    /// The disk that is there already, if there is one.
    pub(super) fn existing(&self) -> Option<&Existing> {
        match self {
            Self::New(_) => None,
            Self::Existing(existing) => Some(existing),
        }
    }
}

/// A partition to be placed. It gets the first number that is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRequest {
    /// The name in the definition, for messages.
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
    /// The name in the definition; for messages and [`assemble`](super::assemble).
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
    /// The disk before.
    pub start: Start,
    /// Every new partition starts at a multiple of this, existing ones move by multiples of it, and a new
    /// disk ends at one.
    pub alignment: Bytes,
    /// Partitions of the existing disk that have to be longer, by number, with their new lengths.
    pub grown: BTreeMap<u32, Bytes>,
    /// The new partitions, by number.
    pub partitions: Vec<PartitionRequest>,
    /// The blobs.
    pub blobs: Vec<BlobRequest>,
}
