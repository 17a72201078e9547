//! What can be wrong with a partition table.

use crate::units::Bytes;
use std::io;

/// Why a partition table is not read, or not written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The disk cannot be read.
    #[error("cannot read the partition table at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing that looks like a disk.
    #[error(
        "there is neither a partition table nor a known filesystem: sector 0 ends with {:02x} {:02x}, expected 55 aa; is it a disk image?",
        .found[0],
        .found[1]
    )]
    Nothing {
        /// The last two bytes of sector 0.
        found: [u8; 2],
    },
    /// Not even one sector.
    #[error("a disk of {} bytes has no room for a partition table", .len.0)]
    TooShort {
        /// Length of the disk.
        len: Bytes,
    },
    /// Sector 0 has entries that nobody writes.
    #[error(
        "slot {slot} of the MBR has the boot mark {found:#04x}, expected 0x00 or 0x80: this is no partition table"
    )]
    BootMark {
        /// Slot, from 1.
        slot: usize,
        /// What is there.
        found: u8,
    },
    /// A GPT that Linux would not look at either.
    #[error(
        "there is a GPT of {sector}-byte sectors, but the MBR before it has no entry of type 0xee that protects it; `sgdisk` makes a new one"
    )]
    Unprotected {
        /// Size of a sector.
        sector: u64,
    },
    /// Neither copy of a GPT is sound.
    #[error("both copies of the GPT are broken: the first: {primary}; the last: {backup}")]
    Gpt {
        /// What is wrong with the one behind the MBR.
        primary: CopyError,
        /// What is wrong with the one at the end of the disk.
        backup: CopyError,
    },
    /// Two partitions share sectors.
    #[error("partition {second} starts at byte {at}, inside partition {first}")]
    Overlap {
        /// The partition that starts earlier.
        first: u32,
        /// The other one.
        second: u32,
        /// Where the second one starts.
        at: u64,
    },
    /// A partition ends behind the end of the disk, or of what its table may use.
    #[error(
        "partition {number} ends at byte {end}, behind the usable end of the disk at byte {limit}; is the image cut off?"
    )]
    Outside {
        /// Number of the partition.
        number: u32,
        /// Where it ends.
        end: u64,
        /// Where the partitions have to end.
        limit: u64,
    },
    /// A partition starts where the table itself is.
    #[error(
        "partition {number} starts at byte {start}, in the partition table, which ends at byte {limit}"
    )]
    InTable {
        /// Number of the partition.
        number: u32,
        /// Where it starts.
        start: u64,
        /// The first byte that it could have.
        limit: u64,
    },
    /// A partition that is no whole number of sectors, or none at all.
    #[error(
        "partition {number} at byte {start} of {len} bytes is not one or more whole sectors of {sector} bytes"
    )]
    Sectors {
        /// Number of the partition.
        number: u32,
        /// Where it starts.
        start: u64,
        /// Its length.
        len: u64,
        /// Size of a sector.
        sector: u64,
    },
    /// An entry whose last sector lies before its first.
    #[error("partition {number} starts at sector {first} and ends before, at sector {last}")]
    Reversed {
        /// Number of the partition.
        number: u32,
        /// First sector.
        first: u64,
        /// Last sector.
        last: u64,
    },
    /// A logical partition, or its sector in the chain, outside every extended partition.
    #[error(
        "logical partition {number}, from byte {start} to {end}, does not lie within the extended partition"
    )]
    NotInExtended {
        /// Number of the partition.
        number: u32,
        /// The first byte that belongs to it.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// A logical partition that its own table cannot reach.
    #[error(
        "logical partition {number} starts at byte {start}, not behind its table at byte {link}"
    )]
    BeforeLink {
        /// Number of the partition.
        number: u32,
        /// Where it starts.
        start: u64,
        /// Where the table is that describes it.
        link: u64,
    },
    /// A sector that the chain of logical partitions leads to, and that holds no table.
    #[error(
        "the chain of logical partitions leads to byte {at}, where no table is: it ends with {:02x} {:02x}, expected 55 aa",
        .found[0],
        .found[1]
    )]
    BadLink {
        /// Where the table should be.
        at: u64,
        /// The last two bytes of that sector.
        found: [u8; 2],
    },
    /// A link that leads out of the extended partition.
    #[error(
        "the chain of logical partitions leads to byte {at}, out of the extended partition {container} that ends at byte {end}"
    )]
    LinkOutside {
        /// Where it leads.
        at: u64,
        /// Number of the extended partition.
        container: u32,
        /// Where that ends.
        end: u64,
    },
    /// A chain that comes back to where it was.
    #[error("the chain of logical partitions leads in a circle, back to byte {at}")]
    Circle {
        /// Where it leads for the second time.
        at: u64,
    },
    /// More logical partitions than Linux gives names.
    #[error("there are more than {max} logical partitions, which is not supported")]
    TooManyLogical {
        /// The limit.
        max: usize,
    },
    /// One link of the chain with two partitions.
    #[error("the table at byte {at} describes {found} logical partitions, expected at most 1")]
    LinkEntries {
        /// Where the table is.
        at: u64,
        /// How many it has.
        found: usize,
    },
    /// A number, an address, a label or an entry that this kind of table cannot have.
    #[error("partition {number} cannot be written: {reason}")]
    Entry {
        /// The number.
        number: u32,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What is wrong with one copy of a GPT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The header or the entries lie behind the end of the disk.
    #[error("it reaches to byte {end} of a disk of {len}")]
    Cut {
        /// Where it would end.
        end: u64,
        /// Length of the disk.
        len: u64,
    },
    /// There is none.
    #[error("sector {lba} has no `EFI PART`")]
    Signature {
        /// Where it was looked for.
        lba: u64,
    },
    /// A header of a length that none has.
    #[error("its header has {found} bytes, expected 92 to {sector}")]
    HeaderLen {
        /// What it says.
        found: u32,
        /// Size of a sector.
        sector: u64,
    },
    /// The header was changed.
    #[error("its header has CRC {found:#010x}, expected {expected:#010x}")]
    HeaderCrc {
        /// Of what is there.
        found: u32,
        /// What it says.
        expected: u32,
    },
    /// The header belongs elsewhere.
    #[error("its header in sector {found} says that it is in sector {expected}")]
    Place {
        /// Where it was found.
        found: u64,
        /// What it says.
        expected: u64,
    },
    /// Entries of a size that none has.
    #[error("its entries have {found} bytes, expected 128, 256, 512, 1024, 2048 or 4096")]
    EntrySize {
        /// What it says.
        found: u32,
    },
    /// More entries than are supported.
    #[error("it has {found} entries of {size} bytes; at most 1 MiB of them is supported")]
    Entries {
        /// How many it says.
        found: u32,
        /// Size of one.
        size: u32,
    },
    /// The entries were changed.
    #[error("its entries have CRC {found:#010x}, expected {expected:#010x}")]
    EntriesCrc {
        /// Of what is there.
        found: u32,
        /// What the header says.
        expected: u32,
    },
    /// Bounds that make no sense.
    #[error(
        "its entries at sector {entries} and its partitions, from sector {first} to {last}, are in each other's way"
    )]
    Bounds {
        /// First sector of the entries.
        entries: u64,
        /// First usable sector.
        first: u64,
        /// Last usable sector.
        last: u64,
    },
    /// Both copies are sound, but not equal; the first one counts.
    #[error("it differs from the first one")]
    Differs,
}
