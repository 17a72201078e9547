//! Partition tables that sfdisk and sgdisk made are read and written back, and both check the
//! result.

use super::{ROOT, fixture, raspberry_pi, x86_64};
use crate::command::{input, resize, run, stdout};
use imgbuild::disk::device::FileDevice;
use imgbuild::disk::image::{Image, Source};
use imgbuild::disk::table::{Damaged, Entry, Kind, OnDisk, Sector, Table};
use imgbuild::event::Silent;
use imgbuild::layout;
use imgbuild::seed::uuid_text;
use imgbuild::sink::{self, Digest};
use imgbuild::store::Store;
use imgbuild::units::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const LEN: Bytes = Bytes::mib(256);

fn blank(folder: &Path, len: Bytes) -> PathBuf {
    let disk = folder.join("foreign.img");
    fs_err::File::create(&disk).unwrap();
    resize(&disk, len.0);
    disk
}

/// A disk that sfdisk has partitioned by `script`.
fn sfdisk(folder: &Path, script: &str) -> PathBuf {
    let disk = blank(folder, LEN);
    partition(&disk, script);
    disk
}

/// Lets sfdisk partition `disk` by `script`.
fn partition(disk: &Path, script: &str) {
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["-q", "--no-reread", "--no-tell-kernel"]);
    run(sfdisk.arg(disk).stdin(input(script)));
}

fn read(disk: &Path) -> Table {
    let device = FileDevice::new(fs_err::File::open(disk).unwrap()).unwrap();
    match OnDisk::read(&device).unwrap() {
        OnDisk::Partitions(table) => table,
        OnDisk::Bare(contents) => panic!("{contents} without a table"),
    }
}

/// Writes `table` to a disk of its own.
fn write(folder: &Path, table: &Table, len: Bytes) -> PathBuf {
    let store = Store::open(&folder.join("tables")).unwrap();
    let image = Image::new(len.0, table.regions(len).unwrap()).unwrap();
    let disk = folder.join("ours.img");
    sink::write(&image, &store, &disk, Digest::Skip, &Silent).unwrap();
    disk
}

/// The table as sfdisk reads it, without the name of the file.
fn output(disk: &Path) -> Value {
    let json = run(Command::new("sfdisk").arg("-J").arg(disk)).stdout;
    let mut table = serde_json::from_slice::<Value>(&json).unwrap()["partitiontable"].take();
    // Tools differ in where they would put new partitions.
    for own in ["device", "firstlba", "lastlba", "table-length"] {
        table.as_object_mut().unwrap().remove(own);
    }
    let prefix = disk.to_str().unwrap().len();
    for partition in table["partitions"].as_array_mut().into_iter().flatten() {
        let node = partition["node"].as_str().unwrap()[prefix..].to_owned();
        partition["node"] = node.into();
    }
    table
}

/// Checks that this program's reader agrees with sfdisk, and that a table that is written back is
/// the same for both.
fn assert_agreed(folder: &Path, disk: &Path) -> Table {
    let len = Bytes(fs_err::metadata(disk).unwrap().len());
    let (table, theirs) = (read(disk), output(disk));
    let mut partitions = theirs["partitions"].as_array().unwrap().clone();
    partitions.sort_by_key(|it| it["node"].as_str().unwrap().parse::<u32>().unwrap());
    assert_eq!(partitions.len(), table.partitions.len(), "{theirs}");
    for (found, expected) in table.partitions.iter().zip(&partitions) {
        assert_eq!(expected["node"], found.number.to_string());
        assert_eq!(expected["start"], found.start.0 / 512);
        assert_eq!(expected["size"], found.len.0 / 512);
        match &found.entry {
            Entry::Primary(entry) | Entry::Logical { entry, .. } => {
                assert_eq!(expected["type"], format!("{:x}", entry.type_byte));
                assert_eq!(expected["bootable"] == true, entry.active);
            }
            Entry::Gpt(entry) => {
                let text = |guid| uuid_text(guid).to_uppercase();
                assert_eq!(expected["type"], text(&entry.type_guid));
                assert_eq!(expected["uuid"], text(&entry.guid));
                assert_eq!(expected["name"].as_str().unwrap_or_default(), entry.label);
                assert_eq!(expected.get("attrs").is_some(), entry.attributes != 0);
            }
        }
    }
    let ours = write(folder, &table, len);
    let verified = stdout(Command::new("sfdisk").arg("--verify").arg(&ours));
    assert!(verified.contains("No errors detected."), "{verified}");
    assert_eq!(output(&ours), theirs);
    assert_eq!(read(&ours), table);
    table
}

#[test]
fn tables_of_sfdisk_are_read_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let debian_cloud = format!(
        "label: gpt\nlabel-id: 01234567-89AB-CDEF-0123-456789ABCDEF\n\
         1: start=200000, size=100000, type={ROOT}, name=\"ROOT ñ\", attrs=\"GUID:59,LegacyBIOSBootable\"\n\
         14: start=2048, size=6144, type=21686148-6449-6E6F-744E-656564454649\n\
         15: start=8192, size=190000, type=U, uuid=11111111-2222-3333-4444-555555555555\n"
    );
    for script in [
        "label: dos\nlabel-id: 0xdeadbeef\n1: start=8192, size=1000, type=c, bootable\n2: start=20000, type=83\n",
        // Numbers with a gap, and logical partitions with and without a gap between them.
        "label: dos\nlabel-id: 1\n1: start=2048, size=2048, type=83\n3: start=8192, size=200000, type=f\n4: start=300000, size=1000, type=82\n\
         5: start=10240, size=2048\n6: start=14336, size=20000, type=c\n7: start=100000, size=5\n",
        "label: dos\nlabel-id: 1\n2: start=2048, size=2048, type=5\n",
        &debian_cloud,
    ] {
        let disk = sfdisk(folder.path(), script);
        assert_agreed(folder.path(), &disk);
    }
}

#[test]
fn logical_partitions_stay_where_others_were_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let script = "label: dos\n1: start=2048, size=400000, type=5\n5: start=4096, size=100\n\
                  6: start=8192, size=100\n7: start=12288, size=100\n8: start=16384, size=100\n";
    for deleted in ["5", "6", "8"] {
        let disk = sfdisk(folder.path(), script);
        let mut delete = Command::new("sfdisk");
        run(delete
            .args(["-q", "--no-reread", "--delete"])
            .arg(&disk)
            .arg(deleted));
        let table = assert_agreed(folder.path(), &disk);
        assert_eq!(table.partitions.len(), 4, "one went, the container is left");
    }
}

#[test]
fn a_hybrid_mbr_and_a_lost_first_copy_are_read_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = blank(folder.path(), LEN);
    let mut sgdisk = Command::new("sgdisk");
    let partitions = [
        "-n",
        "1:2048:+64M",
        "-t",
        "1:0c00",
        "-n",
        "3:0:0",
        "-c",
        "3:root",
    ];
    run(sgdisk.args(partitions).args(["-h", "1"]).arg(&disk));
    let table = assert_agreed(folder.path(), &disk);
    let Kind::Gpt {
        mbr, damaged: None, ..
    } = &table.kind
    else {
        panic!("{:?}", table.kind)
    };
    let types: Vec<_> = mbr.hybrid.iter().map(|it| it.entry.type_byte).collect();
    assert!(types.len() == 2 && types.contains(&0xee), "{types:?}");
    let verified = stdout(
        Command::new("sgdisk")
            .arg("-v")
            .arg(folder.path().join("ours.img")),
    );
    assert!(verified.contains("No problems found."), "{verified}");
    // sfdisk still finds the table by its last copy, and so does this program.
    let before = output(&disk);
    let mut bytes = fs_err::read(&disk).unwrap();
    bytes[512..1024].fill(0);
    fs_err::write(&disk, &bytes).unwrap();
    let mut found = read(&disk);
    let Kind::Gpt { damaged, .. } = &mut found.kind else {
        panic!("a GPT")
    };
    assert!(matches!(damaged.take(), Some(Damaged::Primary(_))));
    assert_eq!(found, table);
    assert_eq!(output(&disk), before);
}

#[test]
fn a_gpt_of_4096_byte_sectors_is_one_for_fdisk_too() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("label: gpt\n1: start=2048, size=80000, type={ROOT}, name=root\n");
    let mut table = read(&sfdisk(folder.path(), &script));
    table.sector = Sector::Of4096;
    let ours = write(folder.path(), &table, LEN);
    assert_eq!(read(&ours), table);
    let listed = run(Command::new("fdisk")
        .env("LC_ALL", "C")
        .args(["-b", "4096", "-o", "Start,Sectors,Name", "-l"])
        .arg(&ours));
    let output = String::from_utf8([listed.stdout, listed.stderr].concat()).unwrap();
    let line = output.lines().last().unwrap().split_whitespace();
    assert_eq!(
        line.collect::<Vec<_>>(),
        ["256", "10000", "root"],
        "{output}"
    );
    assert!(!output.contains("corrupt"), "{output}");
}

#[test]
fn the_gpt_crate_reads_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("label: gpt\n2: start=2048, size=80000, type={ROOT}, name=root\n");
    let table = read(&sfdisk(folder.path(), &script));
    let ours = write(folder.path(), &table, LEN);
    let disk = gpt::GptConfig::new().open(&ours).unwrap();
    let (found, own) = (&disk.partitions()[&2], &table.partitions[0]);
    let sectors = (own.start.0 / 512, own.end().0 / 512 - 1);
    assert_eq!((found.first_lba, found.last_lba), sectors);
    assert_eq!(found.part_type_guid.guid.to_string().to_uppercase(), ROOT);
    assert_eq!(found.part_guid.to_string(), table.partuuid(own));
    assert_eq!(found.name, "root");
}

#[test]
fn our_own_layouts_are_read_as_they_were_meant() {
    let fixture = fixture();
    for request in [x86_64(), raspberry_pi()] {
        let solved = layout::solve(&request).unwrap();
        let code = |id: &str| (id.to_owned(), Source::Bytes([0x90; 440].as_slice().into()));
        let blobs = solved.blobs.iter().map(|blob| code(&blob.id));
        let disk = fixture.make(&solved, blobs.collect());
        assert_eq!(read(&disk).partitions, solved.table.partitions);
    }
}

/// The partitions are placed as in Armbian, DietPi, Raspberry Pi OS, raspi.debian.net and Debian
/// cloud.
#[test]
fn every_family_of_base_images_is_read_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    for script in [
        "label: dos\n1: start=16384, size=100000, type=c\n2: start=131072, type=83\n",
        "label: dos\n1: start=2048, size=262144, type=c, bootable\n2: start=264192, type=83\n",
        "label: dos\n1: start=8192, size=300000, type=c\n2: start=308192, type=83\n",
        "label: dos\n1: start=8192, type=83\n",
        "label: dos\n1: start=8192, size=450000, type=83\n2: start=458192, size=2048, type=c\n",
        &format!("label: gpt\n1: start=32768, type={ROOT}, name=rootfs\n"),
        &format!("label: gpt\n1: start=2048, size=131072, type=U\n2: start=133120, type={ROOT}\n"),
        &format!(
            "label: gpt\n1: start=262144, type={ROOT}\n14: start=2048, size=6144\n15: start=8192, size=253952, type=U\n"
        ),
    ] {
        let disk = sfdisk(folder.path(), script);
        assert_agreed(folder.path(), &disk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_table_with_changed_bytes_is_read_or_refused(
        changes in proptest::collection::vec((0_usize..16, 0_usize..512, any::<u8>()), 1..8),
        is_gpt in any::<bool>(),
    ) {
        let mut disk = damaged_by(&changes, is_gpt);
        // If the first copy is broken, the last one is used.
        for _ in 0..2 {
            if let Ok(OnDisk::Partitions(table)) = OnDisk::read(&disk.as_slice()) {
                let len = Bytes(disk.len() as u64);
                if let Ok(regions) = table.regions(len) {
                    prop_assert!(Image::new(len.0, regions).is_ok());
                }
            }
            disk[512] ^= 1;
        }
    }
}

/// A small disk with logical partitions or a GPT, changed in its first sectors and tables.
fn damaged_by(changes: &[(usize, usize, u8)], is_gpt: bool) -> Vec<u8> {
    use std::sync::OnceLock;
    static DISKS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let disks = DISKS.get_or_init(|| {
        let dos = "label: dos\n1: start=64, size=64, type=c\n2: start=128, size=1000, type=5\n\
                   5: start=140, size=50\n6: start=200, size=50\n7: start=300, size=50\n";
        let gpt = "label: gpt\nfirst-lba: 34\n1: start=64, size=100\n3: start=200, size=100\n";
        [dos, gpt].map(|script| {
            let folder = tempfile::tempdir().unwrap();
            let disk = blank(folder.path(), Bytes::MIB);
            partition(&disk, script);
            fs_err::read(disk).unwrap()
        })
    });
    let mut disk = disks[usize::from(is_gpt)].clone();
    let links: Vec<usize> = (0..2048)
        .filter(|sector| disk[sector * 512 + 510..][..2] == [0x55, 0xaa])
        .collect();
    let sectors: Vec<usize> = links.into_iter().chain([1, 2, 3, 2047, 2015]).collect();
    for (sector, at, value) in changes {
        disk[sectors[sector % sectors.len()] * 512 + at] = *value;
    }
    disk
}
