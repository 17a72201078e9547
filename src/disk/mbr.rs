//! Writes the classic partition table: the last 72 bytes of sector 0.
//!
//! ```text
//! 0..440    boot code; belongs to the boot loader, never to the table
//! 440..444  disk id       446..510  four entries of 16 bytes       510..512  55 aa
//! ```

use super::image::Region;
use crate::units::Lba;
use std::ops::Range;

/// First byte of the table; the bytes before it are boot code.
pub const TABLE_START: u64 = 440;
/// The most primary partitions. imgbuild makes no extended partitions.
pub const MAX_PARTITIONS: usize = 4;
/// The first sector that no entry can reach: 32-bit addresses end at 2 TiB.
pub const END: Lba = Lba(1 << 32);

/// The fields of an entry besides the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Partition type: 0x0c is FAT32 by LBA, 0x83 Linux.
    pub type_byte: u8,
    /// Whether firmware and U-Boot may boot from it.
    pub active: bool,
}

/// The bytes of one of the four entries of a table.
#[derive(Clone, Copy)]
pub(super) struct Slot([u8; 16]);

impl Slot {
    /// The entry for the partition in `sectors`, in a table whose addresses count from sector `from`.
    /// `None` if an address does not fit 32 bits. Addresses for BIOSes always count from 0.
    pub(super) fn new(sectors: Range<u64>, from: u64, entry: Entry) -> Option<Self> {
        let first = sectors.start;
        let start = u32::try_from(first.checked_sub(from)?).ok()?;
        let n_sectors = u32::try_from(sectors.end.saturating_sub(first)).ok()?;
        let mut slot = [0; 16];
        slot[0] = if entry.active { 0x80 } else { 0 };
        slot[1..4].copy_from_slice(&chs(first));
        slot[4] = entry.type_byte;
        slot[5..8].copy_from_slice(&chs(first + u64::from(n_sectors).saturating_sub(1)));
        slot[8..12].copy_from_slice(&start.to_le_bytes());
        slot[12..].copy_from_slice(&n_sectors.to_le_bytes());
        Some(Self(slot))
    }

    /// The entry that protects a GPT, on a disk of `n_sectors`, from tools that know only MBRs. UEFI
    /// requires its last BIOS address to be all ones.
    pub(super) fn protective(n_sectors: u64, active: bool) -> Self {
        let n_sectors = u32::try_from(n_sectors.saturating_sub(1)).unwrap_or(u32::MAX);
        let entry = Entry {
            type_byte: 0xee,
            active,
        };
        let sectors = 1..1 + u64::from(n_sectors);
        let mut slot = Self::new(sectors, 0, entry).expect("32 bits").0;
        slot[5..8].copy_from_slice(&[0xff; 3]);
        Self(slot)
    }
}

/// The bytes of sector 0 behind the boot code.
pub(super) fn region(disk_id: u32, slots: &[Option<Slot>; MAX_PARTITIONS]) -> Region {
    let table = entries(slots);
    let bytes = [&disk_id.to_le_bytes(), [0, 0].as_slice(), &table].concat();
    Region::bytes(TABLE_START, bytes)
}

/// A whole sector of the chain of logical partitions, at byte `start`.
pub(super) fn link_region(start: u64, slots: &[Option<Slot>; MAX_PARTITIONS]) -> Region {
    Region::bytes(start, [[0; 446].as_slice(), &entries(slots)].concat())
}

fn entries(slots: &[Option<Slot>; MAX_PARTITIONS]) -> [u8; 66] {
    let mut bytes = [0; 66];
    for (slot, place) in slots.iter().zip(bytes.chunks_mut(16)) {
        if let Some(Slot(slot)) = slot {
            place.copy_from_slice(slot);
        }
    }
    bytes[64..].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

/// Cylinder, head and sector as BIOSes and fdisk translate an LBA: 255 heads of 63 sectors, and
/// the last address for everything above 8 GB.
fn chs(lba: u64) -> [u8; 3] {
    let byte = |n: u64| u8::try_from(n & 0xff).expect("masked to 8 bits");
    let (cylinder, head, sector) = (lba / (255 * 63), lba / 63 % 255, lba % 63 + 1);
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    let sector = sector | cylinder >> 8 << 6;
    [byte(head), byte(sector), byte(cylinder)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::image::Source;

    #[test]
    fn a_table_holds_id_entries_and_signature_and_no_boot_code() {
        let entry = Entry {
            type_byte: 0x0c,
            active: true,
        };
        let slot = Slot::new(8192..24576, 0, entry);
        let region = region(0x1234_5678, &[slot, None, None, None]);
        let Source::Bytes(bytes) = &region.source else {
            panic!("a table is bytes")
        };
        assert_eq!((region.start, region.len), (440, 72));
        assert_eq!(bytes[..6], [0x78, 0x56, 0x34, 0x12, 0, 0]);
        assert_eq!(bytes[6..14], [0x80, 130, 3, 0, 0x0c, 135, 6, 1]);
        assert_eq!(bytes[14..22], [0, 0x20, 0, 0, 0, 0x40, 0, 0]);
        assert!(bytes[22..70].iter().all(|byte| *byte == 0));
        assert_eq!(bytes[70..], [0x55, 0xaa]);
    }

    #[test]
    fn what_lies_above_8_gb_has_the_last_chs_address() {
        assert_eq!(chs(0), [0, 1, 0]);
        assert_eq!(chs(1024 * 255 * 63 - 1), [254, 0xff, 0xff]);
        assert_eq!(chs(1024 * 255 * 63), [0xfe, 0xff, 0xff]);
    }
}
