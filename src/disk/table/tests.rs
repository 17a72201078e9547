use super::*;
use crate::disk::image::{Image, Source};
use mbr_writer::Entry as MbrEntry;

/// The disk of `len` that `table` makes.
fn disk(table: &Table, len: Bytes) -> Vec<u8> {
    bytes(&table.regions(len).unwrap(), len)
}

fn bytes(regions: &[crate::disk::image::Region], len: Bytes) -> Vec<u8> {
    let image = Image::new(len.0, regions.to_vec()).unwrap();
    let mut disk = vec![0; usize::try_from(len.0).unwrap()];
    for region in image.regions() {
        if let Source::Bytes(bytes) = &region.source {
            let at = usize::try_from(region.start).unwrap();
            disk[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
    disk
}

fn read(disk: &[u8]) -> Result<OnDisk, TableError> {
    OnDisk::read(&disk)
}

fn mbr_entry(type_byte: u8) -> MbrEntry {
    MbrEntry {
        type_byte,
        active: type_byte == 0x0c,
    }
}

fn primary(number: u32, type_byte: u8, start: u64, len: u64) -> Partition {
    Partition {
        number,
        start: Bytes(start << 10),
        len: Bytes(len << 10),
        entry: Entry::Primary(mbr_entry(type_byte)),
    }
}

fn logical(number: u32, link: u64, start: u64, len: u64) -> Partition {
    Partition {
        entry: Entry::Logical {
            entry: mbr_entry(0x83),
            link: Bytes(link << 10),
        },
        ..primary(number, 0x83, start, len)
    }
}

/// Four slots with a gap, and a chain that begins with an empty table. Numbers are KiB.
fn mbr_table() -> Table {
    Table {
        sector: Sector::Of512,
        boot_code: Box::new([0x90; 440]),
        kind: Kind::Mbr {
            disk_id: 0xdead_beef,
        },
        partitions: vec![
            primary(1, 0x0c, 64, 100),
            primary(3, 0x05, 200, 700),
            primary(4, 0x83, 900, 100),
            logical(5, 300, 310, 90),
            logical(6, 500, 501, 100),
            logical(7, 400, 410, 90),
        ],
    }
}

fn gpt_entry(number: u32, start: u64, len: u64) -> Partition {
    Partition {
        entry: Entry::Gpt(gpt_writer::Entry {
            type_guid: [0x21; 16],
            guid: [u8::try_from(number).unwrap(); 16],
            label: format!("ñ 🎉 {number}"),
            attributes: 1 << 59 | 4,
        }),
        ..primary(number, 0, start, len)
    }
}

/// The partitions 1, 14 and 15, as on Debian's cloud images. Numbers are KiB.
fn gpt_table(sector: Sector) -> Table {
    Table {
        sector,
        boot_code: Box::new([0x90; 440]),
        kind: Kind::Gpt {
            disk_guid: *b"0123456789abcdef",
            mbr: Protective {
                disk_id: 0,
                active: true,
                hybrid: Vec::new(),
            },
            damaged: None,
        },
        partitions: vec![
            gpt_entry(1, 600, 300),
            gpt_entry(14, 64, 64),
            gpt_entry(15, 128, 472),
        ],
    }
}

fn hybrid_table() -> Table {
    let mut table = gpt_table(Sector::Of512);
    let slot = |slot, type_byte, start: u64, len: u64| Hybrid {
        slot,
        start: Bytes(start),
        len: Bytes(len),
        entry: mbr_entry(type_byte),
    };
    let Kind::Gpt { mbr, .. } = &mut table.kind else {
        unreachable!()
    };
    *mbr = Protective {
        disk_id: 7,
        active: false,
        hybrid: vec![
            slot(1, 0xee, 512, (128 << 10) - 512),
            slot(2, 0x0c, 128 << 10, 472 << 10),
        ],
    };
    table
}

const MIB: Bytes = Bytes::MIB;

#[test]
fn what_is_written_is_read_again() {
    for table in [
        mbr_table(),
        gpt_table(Sector::Of512),
        gpt_table(Sector::Of4096),
        hybrid_table(),
    ] {
        let found = read(&disk(&table, MIB)).unwrap();
        assert_eq!(found, OnDisk::Partitions(table));
    }
}

#[test]
fn partuuids_are_those_of_linux() {
    let table = mbr_table();
    let ids = table.partitions.iter().map(|it| table.partuuid(it));
    let expected = ["01", "03", "04", "05", "06", "07"].map(|n| format!("deadbeef-{n}"));
    assert_eq!(ids.collect::<Vec<_>>(), expected);
    let table = gpt_table(Sector::Of512);
    assert_eq!(
        table.partuuid(&table.partitions[1]),
        "0e0e0e0e-0e0e-0e0e-0e0e-0e0e0e0e0e0e"
    );
}

#[test]
fn one_sound_copy_of_a_gpt_is_enough() {
    for table in [gpt_table(Sector::Of512), gpt_table(Sector::Of4096)] {
        let size = usize::try_from(table.sector.bytes()).unwrap();
        let sound = disk(&table, MIB);
        let last = sound.len() - size;
        for (at, expected) in [
            (size + 72, "primary"),
            (size * 2 + 5, "primary"),
            (last, "backup"),
            (last - 16_384, "backup"),
        ] {
            let mut disk = sound.clone();
            disk[at] ^= 1;
            let Ok(OnDisk::Partitions(mut found)) = read(&disk) else {
                panic!("{expected} at {at}")
            };
            let Kind::Gpt { damaged, .. } = &mut found.kind else {
                unreachable!()
            };
            let copy = match damaged.take() {
                Some(Damaged::Primary(_)) => "primary",
                Some(Damaged::Backup(_)) => "backup",
                None => "none",
            };
            assert_eq!(copy, expected, "at {at}");
            assert_eq!(found, table);
        }
        let mut disk = sound.clone();
        (disk[size + 60], disk[last + 60]) = (1, 1);
        let refused = read(&disk).unwrap_err().to_string();
        let expected = "both copies of the GPT are broken: the first: its header has CRC 0x";
        assert!(refused.starts_with(expected), "{refused}");
        // A disk that was cut off has no last copy.
        let cut = &sound[..sound.len() - 4096];
        let Ok(OnDisk::Partitions(Table {
            kind: Kind::Gpt { damaged, .. },
            ..
        })) = read(cut)
        else {
            panic!("a table")
        };
        let cut = "it reaches to byte 1048576 of a disk of 1044480".to_owned();
        assert_eq!(damaged, Some(Damaged::Backup(CopyError::Unsound(cut))));
    }
}

#[test]
fn what_cannot_be_is_refused_with_numbers() {
    let refuse = |change: fn(&mut [u8])| {
        let mut disk = disk(&mbr_table(), MIB);
        change(&mut disk);
        read(&disk).unwrap_err().to_string()
    };
    type Case = (fn(&mut [u8]), &'static str);
    let cases: [Case; 8] = [
        (
            |disk| disk[446 + 13] = 1,
            "partition 3 starts at byte 204800, inside partition 1",
        ),
        (
            |disk| disk[446] = 0x81,
            "slot 1 of the MBR has the boot mark 0x81",
        ),
        (
            |disk| disk[446 + 48 + 14] = 1,
            "partition 4 ends at byte 34578432, behind the usable end of the disk at byte 1048576",
        ),
        (
            |disk| disk[446 + 8] = 0,
            "partition 1 starts at byte 0, in the partition table, which ends at byte 512",
        ),
        (
            |disk| disk[(300 << 10) + 510] = 0,
            "the chain of logical partitions leads to byte 307200, where no table is: it ends with 00 aa",
        ),
        (
            |disk| disk[(500 << 10) + 446 + 16 + 8..][..4].copy_from_slice(&200_u32.to_le_bytes()),
            "the chain of logical partitions leads in a circle, back to byte 307200",
        ),
        (
            |disk| disk[(500 << 10) + 446 + 16 + 8 + 3] = 1,
            "the chain of logical partitions leads to byte",
        ),
        (
            |disk| disk[510] = 0,
            "there is neither a partition table nor a known filesystem: sector 0 ends with 00 aa",
        ),
    ];
    for (change, expected) in cases {
        let refused = refuse(change);
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn a_disk_without_partitions_may_be_a_filesystem() {
    let mut disk = vec![0; 1 << 20];
    let refused = |disk: &[u8]| read(disk).unwrap_err().to_string();
    assert!(
        refused(&disk).starts_with("there is neither a partition table nor a known filesystem")
    );
    assert!(refused(&disk[..511]).starts_with("a disk of 511 bytes has no room"));
    disk[1080..1082].copy_from_slice(&[0x53, 0xef]);
    assert_eq!(read(&disk).unwrap(), OnDisk::Bare(Contents::Ext2));
}
