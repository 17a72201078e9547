//! The boot sector, and what FAT32 keeps beside it.

use super::allocation::Allocation;
use super::format::FIRST_CLUSTER;
use super::geometry::Geometry;
use super::shape::{Shape, Volume};
use super::{FatBits, FatError};
use crate::disk::image::Region;
use crate::units::Lba;

const SECTOR: usize = 512;
/// The sector of FSInfo on FAT32, and the first of the copies of both sectors.
const FSINFO_SECTOR: u16 = 1;
const BACKUP_SECTOR: u16 = 6;
/// The media byte of a fixed disk, in boot sector and table.
const MEDIA: u8 = 0xf8;
/// Tells a BIOS to try the next disk, and stops if it comes back: int 0x18; hlt; jmp $-1.
const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// Returns `text` as the label of the boot sector, or `None` if it is empty.
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

/// Returns the values of the boot sector of a filesystem that imgbuild lays out itself.
pub(super) fn shape(geometry: Geometry, start: Lba) -> Shape {
    let fields = fields_end(geometry.bits);
    let mut code = vec![0; 510 - fields];
    code[..BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
    Shape {
        geometry,
        // Old readers want this very name here.
        oem_name: *b"MSWIN4.1",
        media: MEDIA,
        // The geometry that BIOSes invent for a disk addressed by sector: 63 sectors, 255 heads.
        sectors_per_track: 63,
        heads: 255,
        // No reader of this field can use a start beyond 2 TiB.
        hidden: u32::try_from(start.0).unwrap_or(u32::MAX),
        drive: 0x80,
        fsinfo: FSINFO_SECTOR,
        backup: BACKUP_SECTOR,
        // A short jump over the fields to the code.
        jump: [0xeb, u8::try_from(fields - 2).expect("at most 90"), 0x90],
        code,
    }
}

/// Returns the offset of the boot code, which begins behind the fields.
fn fields_end(bits: FatBits) -> usize {
    match bits {
        FatBits::Fat12 | FatBits::Fat16 => 62,
        FatBits::Fat32 => 90,
    }
}

/// Returns the reserved sectors.
pub(super) fn regions(volume: &Volume, allocation: &Allocation) -> Vec<Region> {
    let Shape {
        geometry,
        fsinfo: info,
        backup,
        ..
    } = &volume.shape;
    let boot = boot_sector(volume);
    let mut regions = vec![Region::bytes(0, boot)];
    let mut put = |sector: u64, bytes: [u8; SECTOR]| {
        regions.push(Region::bytes(sector * geometry.sector, bytes));
    };
    // The numbers 0 and 0xffff, which is behind the reserved sectors, mean that there is no such
    // sector.
    let is_there = |sector: u64| sector != 0 && sector < geometry.reserved;
    let (info, backup) = (u64::from(*info), u64::from(*backup));
    let has_info = geometry.bits == FatBits::Fat32 && is_there(info);
    if has_info {
        put(info, fsinfo(geometry, allocation));
    }
    if geometry.bits == FatBits::Fat32 && is_there(backup) && backup != info {
        put(backup, boot);
        if has_info && is_there(backup + info) {
            put(backup + info, fsinfo(geometry, allocation));
        }
    }
    regions
}

fn boot_sector(volume: &Volume) -> [u8; SECTOR] {
    let shape = &volume.shape;
    let geometry = &shape.geometry;
    let byte = |n: u64| u8::try_from(n).expect("a geometry fits its fields");
    let long = |n: u64| {
        u32::try_from(n)
            .expect("a geometry fits its fields")
            .to_le_bytes()
    };
    let word = |n: u64| {
        u16::try_from(n)
            .expect("a geometry fits its fields")
            .to_le_bytes()
    };
    let is_fat32 = geometry.bits == FatBits::Fat32;
    let mut sector = [0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &shape.jump);
    put(3, &shape.oem_name);
    put(11, &word(geometry.sector));
    put(13, &[byte(geometry.sectors_per_cluster)]);
    put(14, &word(geometry.reserved));
    put(16, &[byte(geometry.n_tables)]);
    put(17, &word(geometry.root_entries));
    // The number is in the small field if it fits and the width allows it, else in the large one.
    if !is_fat32 && geometry.n_sectors < 0x1_0000 {
        put(19, &word(geometry.n_sectors));
    } else {
        put(32, &long(geometry.n_sectors));
    }
    put(21, &[shape.media]);
    put(24, &shape.sectors_per_track.to_le_bytes());
    put(26, &shape.heads.to_le_bytes());
    put(28, &shape.hidden.to_le_bytes());
    if is_fat32 {
        put(36, &long(geometry.table_sectors));
        put(44, &FIRST_CLUSTER.to_le_bytes());
        put(48, &shape.fsinfo.to_le_bytes());
        put(50, &shape.backup.to_le_bytes());
    } else {
        put(22, &word(geometry.table_sectors));
    }
    let code = fields_end(geometry.bits);
    put(code - 26, &identity(volume));
    put(code, &shape.code);
    put(510, &[0x55, 0xaa]);
    sector
}

/// Returns the drive number, then a mark that says whether an id, or an id with label and width,
/// follows, and these.
fn identity(volume: &Volume) -> [u8; 26] {
    let mut bytes = [0; 26];
    bytes[0] = volume.shape.drive;
    if let Some(id) = volume.volume_id {
        bytes[2] = 0x28;
        bytes[3..7].copy_from_slice(&id.to_le_bytes());
        if let Some(label) = volume.boot_label {
            bytes[2] = 0x29;
            bytes[7..18].copy_from_slice(&label);
            bytes[18..].copy_from_slice(match volume.shape.geometry.bits {
                FatBits::Fat12 => b"FAT12   ",
                FatBits::Fat16 => b"FAT16   ",
                FatBits::Fat32 => b"FAT32   ",
            });
        }
    }
    bytes
}

/// Returns FSInfo: how many clusters are free, and the last used one, behind which readers look for
/// a free one.
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
