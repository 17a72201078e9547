//! Disks with partition tables, and the checks of each; the targets are `gpt` and `mbr`.

use super::limits::within;
use super::patch::{Base, Kind, Patched, SECTOR};
use imgbuild::disk::device::Device;
use imgbuild::disk::image::{Region, Source};
use imgbuild::disk::probe;
use imgbuild::disk::table::{self, OnDisk, Table};
use imgbuild::units::Bytes;

/// The entries of a GPT, in which each copy has regions of at most 1 MiB, and the image from which they are
/// read.
const MEMORY: usize = 8 << 20;

/// Reads `disk` and checks what is found.
pub fn judge(disk: &Patched<'_>) {
    let contents = within(MEMORY, || probe::probe(disk)).expect("memory can be read");
    match within(MEMORY, || OnDisk::read(disk)) {
        Ok(OnDisk::Partitions(table)) => sound(&table, disk),
        Ok(OnDisk::Bare(found)) => assert_eq!(contents, Some(found)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn sound(table: &Table, disk: &Patched<'_>) {
    let size = table.sector.bytes();
    for (index, partition) in table.partitions.iter().enumerate() {
        let (start, end) = (partition.start.0, partition.end().0);
        assert!(
            start < end && end <= disk.len(),
            "{partition:?} lies on the disk"
        );
        assert!(
            start % size == 0 && end % size == 0,
            "{partition:?} is whole sectors"
        );
        assert!(!table.partuuid(partition).is_empty());
        for other in &table.partitions[..index] {
            assert!(other.number < partition.number, "numbers ascend");
            let apart = other.end().0 <= start || end <= other.start.0;
            let nested = other.is_extended() || partition.is_extended();
            assert!(
                apart || nested,
                "{partition:?} and {other:?} share no sector"
            );
        }
    }
    let Ok(regions) = within(MEMORY, || table.regions(Bytes(disk.len()))) else {
        return;
    };
    let written = write(&regions, disk);
    let again = within(MEMORY, || OnDisk::read(&written.as_slice()));
    let again = again.expect("what was written can be read");
    assert_eq!(again, OnDisk::Partitions(repaired(table)));
}

/// `table` as it must be read after it was written: both copies are whole.
fn repaired(table: &Table) -> Table {
    let mut table = table.clone();
    if let table::Kind::Gpt { damaged, .. } = &mut table.kind {
        *damaged = None;
    }
    table
}

/// A disk that is empty except for `regions`.
fn write(regions: &[Region], disk: &Patched<'_>) -> Vec<u8> {
    let mut bytes = vec![0; disk.to_bytes().len()];
    for region in regions {
        let start = usize::try_from(region.start).expect("it lies on the disk");
        match &region.source {
            Source::Bytes(source) => bytes[start..start + source.len()].copy_from_slice(source),
            Source::Zeros => {}
            Source::Free | Source::Object { .. } => panic!("a table is bytes"),
        }
    }
    bytes
}

/// A disk with an MBR and, if there are any, logical partitions.
pub fn with_mbr(name: &'static str, packed: &[u8]) -> Base {
    let mut base = Base::unpack(name, packed);
    let n_sectors = base.bytes.len() / SECTOR;
    let marked = |sector: &usize| base.bytes[sector * SECTOR + 510..][..2] == [0x55, 0xaa];
    let tables: Vec<usize> = (0..n_sectors).filter(marked).collect();
    for sector in tables {
        base.span(Kind::Table, sector * SECTOR + 440, SECTOR - 440);
        base.span(Kind::Boot, sector * SECTOR, SECTOR);
    }
    base.span(Kind::Boot, (n_sectors - 1) * SECTOR, SECTOR);
    base
}

/// A disk with a GPT in `size` bytes per sector.
pub fn with_gpt(name: &'static str, packed: &[u8], size: usize) -> Base {
    let mut base = Base::unpack(name, packed);
    let end = base.bytes.len();
    for header in [size, end - size] {
        let seal = base.seal(move |disk| crcs(disk, header, size));
        let entries = number(&base.bytes[header + 72..header + 80]) * size;
        base.sealed(Kind::Table, header, 92, seal);
        base.sealed(Kind::Entries, entries, 128, seal);
        base.sealed(Kind::Entries, entries, 128 * 4, seal);
        base.sealed(Kind::Entries, entries, 128 * 128, seal);
    }
    base.span(Kind::Boot, 440, 72);
    base
}

/// Computes the two checksums in the header at byte `at`, if the spans that they cover are on the disk.
fn crcs(disk: &mut Patched<'_>, at: usize, size: usize) {
    let len = disk.to_bytes().len();
    let header = disk.read(at, 92);
    let start = number(&header[72..80]).saturating_mul(size);
    let entries = number(&header[80..84]).saturating_mul(number(&header[84..88]));
    if start.saturating_add(entries) <= len && entries <= 1 << 20 {
        let sum = crc(&disk.read(start, entries));
        disk.write(at + 88, &sum.to_le_bytes());
    }
    let covered = number(&header[12..16]);
    if (20..=size).contains(&covered) {
        let mut header = disk.read(at, covered);
        header[16..20].fill(0);
        disk.write(at + 16, &crc(&header).to_le_bytes());
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn number(bytes: &[u8]) -> usize {
    let number = bytes
        .iter()
        .rev()
        .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).expect("64 bits")
}
