//! The boot sector, and what FAT32 keeps beside it.

use super::allocation::Allocation;
use super::geometry::{FIRST_CLUSTER, Geometry, N_FATS, ROOT_ENTRIES};
use super::{FatBits, FatError, Params};
use crate::disk::image::Region;
use crate::units::SECTOR_SIZE;

const SECTOR: usize = 512;
/// Where FAT32 keeps FSInfo, and the copies of both sectors.
const FSINFO_SECTOR: u16 = 1;
const BACKUP_SECTOR: u16 = 6;
/// A fixed disk, in boot sector and table.
const MEDIA: u8 = 0xf8;
/// Tells a BIOS to try the next disk, and stops if it comes back: int 0x18; hlt; jmp $-1.
const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// `text` as it stands in the boot sector; nothing if it is empty.
pub(super) fn label(text: &str) -> Result<Option<[u8; 11]>, FatError> {
    let allowed = |byte: u8| {
        (byte.is_ascii_graphic() || byte == b' ') && !b"\"*+,./:;<=>?[\\]|".contains(&byte)
    };
    if text.len() > 11 || !text.bytes().all(allowed) || text.trim() != text {
        return Err(FatError::Label(text.to_owned()));
    }
    let mut label = [b' '; 11];
    label[..text.len()].copy_from_slice(text.as_bytes());
    Ok((!text.is_empty()).then_some(label))
}

/// The reserved sectors.
pub(super) fn regions(
    params: &Params,
    label: Option<[u8; 11]>,
    geometry: &Geometry,
    allocation: &Allocation,
) -> Vec<Region> {
    let boot = boot_sector(params, label, geometry);
    if geometry.bits != FatBits::Fat32 {
        return vec![Region::bytes(0, boot)];
    }
    let both = [boot, fsinfo(geometry, allocation)].concat();
    let copy = u64::from(BACKUP_SECTOR) * SECTOR_SIZE;
    vec![Region::bytes(0, both.clone()), Region::bytes(copy, both)]
}

fn boot_sector(params: &Params, label: Option<[u8; 11]>, geometry: &Geometry) -> [u8; SECTOR] {
    let byte = |n: u64| u8::try_from(n).expect("a geometry fits its fields");
    let word = |n: u64| {
        u16::try_from(n)
            .expect("a geometry fits its fields")
            .to_le_bytes()
    };
    let long = |n: u64| {
        u32::try_from(n)
            .expect("a geometry fits its fields")
            .to_le_bytes()
    };
    let is_fat32 = geometry.bits == FatBits::Fat32;
    let mut sector = [0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    // Old readers want this very name here.
    put(3, b"MSWIN4.1");
    put(11, &word(SECTOR_SIZE));
    put(13, &[byte(geometry.sectors_per_cluster)]);
    put(14, &word(geometry.reserved));
    put(16, &[byte(N_FATS)]);
    put(17, &word(if is_fat32 { 0 } else { ROOT_ENTRIES as u64 }));
    // The small field where the number fits and the width allows it, else the large one.
    if !is_fat32 && geometry.n_sectors < 0x1_0000 {
        put(19, &word(geometry.n_sectors));
    } else {
        put(32, &long(geometry.n_sectors));
    }
    put(21, &[MEDIA]);
    // The geometry that BIOSes invent for a disk addressed by sector: 63 sectors, 255 heads.
    put(24, &word(63));
    put(26, &word(255));
    // A start beyond 2 TiB is nothing a reader of this field could use.
    put(28, &long(params.start.0.min(u64::from(u32::MAX))));
    let extended = if is_fat32 {
        put(36, &long(geometry.table_sectors));
        put(44, &FIRST_CLUSTER.to_le_bytes());
        put(48, &FSINFO_SECTOR.to_le_bytes());
        put(50, &BACKUP_SECTOR.to_le_bytes());
        64
    } else {
        put(22, &word(geometry.table_sectors));
        36
    };
    // Drive number of the first disk, and the mark that id, label and width follow.
    put(extended, &[0x80, 0, 0x29]);
    put(extended + 3, &params.volume_id.to_le_bytes());
    put(extended + 7, &label.unwrap_or(*b"NO NAME    "));
    put(
        extended + 18,
        match geometry.bits {
            FatBits::Fat12 => b"FAT12   ",
            FatBits::Fat16 => b"FAT16   ",
            FatBits::Fat32 => b"FAT32   ",
        },
    );
    let code = extended + 26;
    put(code, &BOOT_CODE);
    // A short jump over the fields to the code.
    put(0, &[0xeb, byte(code as u64 - 2), 0x90]);
    put(510, &[0x55, 0xaa]);
    sector
}

/// How many clusters are free, and the last one that is not: readers look for a free one behind it.
fn fsinfo(geometry: &Geometry, allocation: &Allocation) -> [u8; SECTOR] {
    let used = u64::from(allocation.next - FIRST_CLUSTER);
    let free = u32::try_from(geometry.n_clusters - used).expect("clusters are 28-bit numbers");
    let last = allocation.next - 1;
    let mut sector = [0; SECTOR];
    sector[..4].copy_from_slice(b"RRaA");
    sector[484..488].copy_from_slice(b"rrAa");
    sector[488..492].copy_from_slice(&free.to_le_bytes());
    sector[492..496].copy_from_slice(&last.to_le_bytes());
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_padded_and_refused_where_they_do_not_fit() {
        assert_eq!(label("bootfs"), Ok(Some(*b"bootfs     ")));
        assert_eq!(label(""), Ok(None));
        for text in ["twelve bytes", "a.b", "ä", " a", "a ", "a\n"] {
            assert_eq!(label(text), Err(FatError::Label(text.to_owned())));
        }
    }
}
