//! Finds out by magic numbers what a disk or a partition holds, so that a refusal can name it.
//!
//! Only the magic numbers are compared; the readers of filesystems verify the rest. Offsets and values
//! are from the documentation of each format, and those that blkid uses.

use super::device::Device;
use std::fmt;
use std::io;

/// The filesystem or other data that begins at the first byte of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// ext2: no journal.
    Ext2,
    /// ext3: a journal, and no feature of ext4.
    Ext3,
    /// ext4.
    Ext4,
    /// The external journal of an ext filesystem.
    ExtJournal,
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// exFAT.
    ExFat,
    /// NTFS.
    Ntfs,
    /// btrfs.
    Btrfs,
    /// f2fs.
    F2fs,
    /// XFS.
    Xfs,
    /// bcachefs.
    Bcachefs,
    /// SquashFS.
    SquashFs,
    /// EROFS.
    Erofs,
    /// A CD.
    Iso9660,
    /// An encrypted volume of LUKS version 1.
    Luks1,
    /// An encrypted volume of LUKS version 2.
    Luks2,
    /// A physical volume of LVM 2.
    Lvm2,
    /// Swap space.
    Swap,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::ExtJournal => "the journal of an ext filesystem",
            Self::Fat => "FAT",
            Self::ExFat => "exFAT",
            Self::Ntfs => "NTFS",
            Self::Btrfs => "btrfs",
            Self::F2fs => "f2fs",
            Self::Xfs => "XFS",
            Self::Bcachefs => "bcachefs",
            Self::SquashFs => "SquashFS",
            Self::Erofs => "EROFS",
            Self::Iso9660 => "ISO 9660",
            Self::Luks1 => "encrypted (LUKS1)",
            Self::Luks2 => "encrypted (LUKS2)",
            Self::Lvm2 => "an LVM2 physical volume",
            Self::Swap => "swap",
        })
    }
}

/// Magic numbers that identify a format alone: offset, bytes, format.
const MAGICS: &[(u64, &[u8], Contents)] = &[
    (0, b"LUKS\xba\xbe\x00\x01", Contents::Luks1),
    (0, b"LUKS\xba\xbe\x00\x02", Contents::Luks2),
    (0, b"XFSB", Contents::Xfs),
    (0, b"hsqs", Contents::SquashFs),
    (1024, &0xe0f5_e1e2_u32.to_le_bytes(), Contents::Erofs),
    (1024, &0xf2f5_2010_u32.to_le_bytes(), Contents::F2fs),
    (0x1_0040, b"_BHRfS_M", Contents::Btrfs),
    // The first is that of bcachefs since 2023, the second that of bcache and of older bcachefs.
    (
        4096 + 24,
        b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef",
        Contents::Bcachefs,
    ),
    (
        4096 + 24,
        b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
        Contents::Bcachefs,
    ),
    (0x8001, b"CD001", Contents::Iso9660),
];

/// The content of `device`, if it has a known magic number.
///
/// # Errors
///
/// The device cannot be read.
pub fn probe(device: &dyn Device) -> io::Result<Option<Contents>> {
    for (offset, magic, contents) in MAGICS {
        if has(device, *offset, magic)? {
            return Ok(Some(*contents));
        }
    }
    // The label of LVM is in one of the first four sectors.
    for sector in 0..4 {
        let at = sector * 512;
        if has(device, at, b"LABELONE")? && has(device, at + 24, b"LVM2 001")? {
            return Ok(Some(Contents::Lvm2));
        }
    }
    // Swap has its magic number at the end of the first page; the size of a page depends on the machine.
    for page in [4096, 8192, 16_384, 32_768, 65_536] {
        if has(device, page - 10, b"SWAPSPACE2")? || has(device, page - 10, b"SWAP-SPACE")? {
            return Ok(Some(Contents::Swap));
        }
    }
    // ext does not use the first sector, which may still have the boot sector of an earlier FAT.
    match ext(device)? {
        Some(contents) => Ok(Some(contents)),
        None => boot_sector(device),
    }
}

/// Whether `bytes` are at `offset`; false if the device is too short.
fn has(device: &dyn Device, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut found = [0; 16];
    let found = &mut found[..bytes.len()];
    Ok(read(device, offset, found)? && found == bytes)
}

/// Fills `into`; false if the device is too short.
fn read(device: &dyn Device, offset: u64, into: &mut [u8]) -> io::Result<bool> {
    if device.len().saturating_sub(offset) < into.len() as u64 {
        return Ok(false);
    }
    device.read_at(offset, into).map(|()| true)
}

/// Which ext filesystem it is, by its features.
fn ext(device: &dyn Device) -> io::Result<Option<Contents>> {
    let mut superblock = [0; 0x68];
    if !read(device, 1024, &mut superblock)? || superblock[0x38..0x3a] != [0x53, 0xef] {
        return Ok(None);
    }
    let word = |at: usize| u32::from_le_bytes(superblock[at..at + 4].try_into().expect("4 bytes"));
    let (compat, incompat, ro_compat) = (word(0x5c), word(0x60), word(0x64));
    const HAS_JOURNAL: u32 = 4;
    const JOURNAL_DEVICE: u32 = 8;
    // filetype, needs_recovery, meta_bg; sparse_super, large_file, btree_dir.
    let before_ext4 = incompat & !(2 | 4 | 0x10) == 0 && ro_compat & !7 == 0;
    Ok(Some(match () {
        () if incompat & JOURNAL_DEVICE != 0 => Contents::ExtJournal,
        () if !before_ext4 => Contents::Ext4,
        () if compat & HAS_JOURNAL != 0 => Contents::Ext3,
        () => Contents::Ext2,
    }))
}

/// The filesystem of a boot sector in Microsoft's format.
fn boot_sector(device: &dyn Device) -> io::Result<Option<Contents>> {
    let mut sector = [0; 512];
    if !read(device, 0, &mut sector)? || sector[510..] != [0x55, 0xaa] {
        return Ok(None);
    }
    match &sector[3..11] {
        b"EXFAT   " => return Ok(Some(Contents::ExFat)),
        b"NTFS    " => return Ok(Some(Contents::Ntfs)),
        _ => {}
    }
    let word = |at: usize| u16::from_le_bytes([sector[at], sector[at + 1]]);
    let is_fat = matches!(sector[0], 0xe9 | 0xeb)
        && matches!(word(11), 512 | 1024 | 2048 | 4096)
        && sector[13].is_power_of_two()
        && word(14) != 0
        && sector[16] != 0
        && (sector[21] == 0xf0 || sector[21] >= 0xf8);
    Ok(is_fat.then_some(Contents::Fat))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[(usize, &[u8])]) -> Option<Contents> {
        let mut disk = vec![0; 128 << 10];
        for (at, bytes) in bytes {
            disk[*at..][..<[u8]>::len(bytes)].copy_from_slice(bytes);
        }
        probe(&disk.as_slice()).unwrap()
    }

    #[test]
    fn magic_numbers_decide() {
        assert_eq!(found(&[]), None);
        for (offset, magic, contents) in MAGICS {
            let at = usize::try_from(*offset).unwrap();
            assert_eq!(found(&[(at, magic)]), Some(*contents));
        }
        let label = [(512, b"LABELONE".as_slice()), (536, b"LVM2 001")];
        assert_eq!(found(&label), Some(Contents::Lvm2));
        assert_eq!(found(&[(65_526, b"SWAPSPACE2")]), Some(Contents::Swap));
    }

    #[test]
    fn features_tell_the_ext_family_apart() {
        for (compat, incompat, expected) in [
            (0, 2, Contents::Ext2),
            (4, 6, Contents::Ext3),
            (4, 0x42, Contents::Ext4),
            (0, 8, Contents::ExtJournal),
        ] {
            let magic: (usize, &[u8]) = (1080, &[0x53, 0xef]);
            let fields = [magic, (1116, &[compat]), (1120, &[incompat])];
            assert_eq!(found(&fields), Some(expected));
        }
    }

    #[test]
    fn a_device_of_any_length_is_looked_at() {
        let disk = vec![0xff; 70_000];
        for len in (0..70_000).step_by(509) {
            assert_eq!(probe(&&disk[..len]).unwrap(), None);
        }
    }
}
