//! The partitions and blobs that need an address on a disk, and the disk as it is before.

use crate::disk::image::Image;
use crate::disk::table::{Entry, Kind, Table};
use crate::units::Bytes;
use std::collections::BTreeMap;

/// The length of every disk is a multiple of this: block maps count blocks of 4096 bytes, and the programs that read
/// them disagree about a last block that is shorter.
pub const LENGTH_UNIT: Bytes = Bytes(4096);

/// The disk that a layout starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new disk, which gets a table of this kind.
    New(Kind),
    /// A disk with content.
    Existing(Existing),
}

/// A disk with content. Its table and everything on it stay, except for what the request replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Its table, with its partitions.
    pub table: Table,
    /// All of its bytes.
    pub disk: Image,
}

impl Existing {
    /// Whether its table stays, byte for byte, on a disk that has the partitions of `table`. A GPT has a copy in the
    /// last sectors, which moves if the disk becomes longer to be a multiple of [`LENGTH_UNIT`].
    pub(super) fn keeps_table(&self, table: &Table) -> bool {
        let ends_well = self.disk.len().is_multiple_of(LENGTH_UNIT.0);
        self.table == *table && (ends_well || table.copy_len() == Bytes(0))
    }
}

impl Start {
    /// The table before anything is placed.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::New(kind) => Table::new(kind.clone()),
            Self::Existing(existing) => existing.table.clone(),
        }
    }

    /// The existing disk, if the layout starts from one.
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
    /// Its entry in the table.
    pub entry: Entry,
    /// Offset on the disk. A partition without one comes into the first aligned gap behind the partition before it.
    pub start: Option<Bytes>,
    /// Final length, as measured.
    pub size: Bytes,
}

/// Raw bytes at a fixed offset, such as a boot loader. Bytes that fill a whole partition, as GRUB's core
/// image fills the BIOS boot partition, are the content of that partition and not a blob. Bytes 440 to 512
/// of the disk belong to the table: a boot loader that lies across them is two blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRequest {
    /// The name in the definition; for messages and [`assemble`](super::assemble).
    pub id: String,
    /// Offset on the disk.
    pub offset: Bytes,
    /// Length of its bytes.
    pub len: Bytes,
    /// Room that is kept for it, which is also its greatest length.
    pub max_len: Option<Bytes>,
}

/// Everything that needs an address on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The disk as it is before.
    pub start: Start,
    /// Every new partition starts at a multiple of this number, existing partitions move by multiples of it,
    /// and a new disk ends at one.
    pub alignment: Bytes,
    /// New lengths of partitions of the existing disk that have to be longer, by number.
    pub grown: BTreeMap<u32, Bytes>,
    /// The new partitions, by number.
    pub partitions: Vec<PartitionRequest>,
    /// The blobs.
    pub blobs: Vec<BlobRequest>,
}
