//! sgdisk, sfdisk, mtools and e2fsck check tables and layouts.
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod block_map;
mod formats;
mod probe;
mod sink_faults;
mod tables;

use crate::command::{e2fsck, input, resize, run, stdout};
use imgbuild::digest::Sha256;
use imgbuild::disk::image::{Image, Region, Source};
use imgbuild::disk::table::{Entry, Kind as TableKind, Partition};
use imgbuild::disk::{gpt, mbr};
use imgbuild::epoch::{Epoch, Timestamp};
use imgbuild::event::Silent;
use imgbuild::fs::fat::{self, FatBits};
use imgbuild::layout::{self, BlobRequest, Layout, PartitionRequest, Request, Start};
use imgbuild::sink::{self, Digest};
use imgbuild::store::Store;
use imgbuild::tree::{Content, Kind, Meta, Node, Origin, Tree, TreePath};
use imgbuild::units::{Bytes, Lba};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

const BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";
const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

fn guid(text: &str) -> [u8; 16] {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let byte = |n: usize| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap();
    std::array::from_fn(byte)
}

fn gpt_partition(name: &str, kind: &str, start: Option<u64>, mib: u64) -> PartitionRequest {
    let entry = gpt::Entry {
        type_guid: guid(kind),
        guid: Sha256::of(name.as_bytes()).0[..16].try_into().unwrap(),
        label: name.into(),
        attributes: 0,
    };
    PartitionRequest {
        name: name.into(),
        entry: Entry::Gpt(entry),
        start: start.map(Bytes::mib),
        size: Bytes::mib(mib),
    }
}

fn mbr_partition(name: &str, type_byte: u8, active: bool, mib: u64) -> PartitionRequest {
    PartitionRequest {
        name: name.into(),
        entry: Entry::Primary(mbr::Entry { type_byte, active }),
        start: None,
        size: Bytes::mib(mib),
    }
}

/// One image for BIOS and UEFI: boot code, BIOS boot partition, ESP and root.
fn x86_64() -> Request {
    Request {
        start: Start::New(TableKind::gpt(guid("01234567-89ab-cdef-0123-456789abcdef"))),
        alignment: Bytes::mib(1),
        partitions: vec![
            gpt_partition("bios", BIOS_BOOT, Some(1), 1),
            gpt_partition("ESP", ESP, Some(2), 64),
            gpt_partition("root", ROOT, Some(66), 40),
        ],
        blobs: vec![blob("mbr", 0, 440)],
        grown: BTreeMap::new(),
    }
}

/// A Raspberry Pi: FAT32 for the firmware, then root.
fn raspberry_pi() -> Request {
    Request {
        start: Start::New(TableKind::Mbr {
            disk_id: 0x1234_5678,
        }),
        alignment: Bytes::mib(4),
        partitions: vec![
            mbr_partition("boot", 0x0c, true, 512),
            mbr_partition("root", 0x83, false, 40),
        ],
        blobs: Vec::new(),
        grown: BTreeMap::new(),
    }
}

fn blob(id: &str, offset: u64, len: u64) -> BlobRequest {
    BlobRequest {
        id: id.into(),
        offset: Bytes(offset),
        len: Bytes(len),
        max_len: None,
    }
}

/// A folder with a store, in which disks are made.
struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    Fixture { folder, store }
}

impl Fixture {
    fn make(&self, layout: &Layout, blobs: BTreeMap<String, Source>) -> PathBuf {
        let partitions = named(layout).filter_map(|(name, partition)| {
            let image = match name {
                "boot" | "ESP" => boot(partition.start.sectors().unwrap(), partition.len),
                "root" => self.root(partition.len),
                _ => return None,
            };
            Some((partition.number, image))
        });
        let image = layout::assemble(layout, partitions.collect(), blobs).unwrap();
        let path = self.folder.path().join("disk.img");
        sink::write(&image, &self.store, &path, Digest::Skip, &Silent).unwrap();
        path
    }

    /// An ext4 that mke2fs made, as a stored object.
    fn root(&self, len: Bytes) -> Image {
        let path = self.folder.path().join("root.ext4");
        resize(&path, len.0);
        run(Command::new("mke2fs").args(["-q", "-t", "ext4"]).arg(&path));
        let object = self.store.insert(&fs_err::read(&path).unwrap()).unwrap();
        let source = Source::Object { object, offset: 0 };
        Image::new(
            len.0,
            vec![Region {
                start: 0,
                len: len.0,
                source,
            }],
        )
        .unwrap()
    }
}

/// The partitions with their names.
fn named(layout: &Layout) -> impl Iterator<Item = (&str, &Partition)> {
    let partitions = layout.table.partitions.iter();
    partitions.map(|partition| (layout.names[&partition.number].as_str(), partition))
}

fn boot(start: Lba, len: Bytes) -> Image {
    let meta = Meta::root(0o755, Timestamp::default());
    let mut tree = Tree::new(meta);
    let content = Kind::File(Content::inline(b"arm_64bit=1\n"));
    let config = TreePath::parse(b"/config.txt").unwrap();
    tree.insert(&config, Node::new(content, meta, Origin::Builtin))
        .unwrap();
    let params = fat::Params {
        len,
        bits: Some(FatBits::Fat32),
        volume_id: 1,
        label: "BOOT".into(),
        epoch: Epoch(0),
        start,
    };
    fat::seal(&tree, &params).unwrap()
}

/// The table as sfdisk reads it, after sfdisk has verified it.
fn table(disk: &Path) -> Value {
    let verified = run(Command::new("sfdisk").arg("--verify").arg(disk));
    let output = String::from_utf8([verified.stdout, verified.stderr].concat()).unwrap();
    assert!(
        output.contains("No errors detected.") && !output.contains("arning"),
        "{output}"
    );
    let json = run(Command::new("sfdisk").arg("-J").arg(disk));
    serde_json::from_slice::<Value>(&json.stdout).unwrap()["partitiontable"].take()
}

/// Checks that the filesystems are where the layout has put them.
fn assert_contents(disk: &Path, layout: &Layout) {
    for (name, partition) in named(layout) {
        let start = partition.start.0;
        match name {
            "boot" | "ESP" => {
                let at = format!("{}@@{start}", disk.display());
                let read = run(Command::new("mtype").args(["-i", &at, "::config.txt"]));
                assert_eq!(read.stdout, b"arm_64bit=1\n");
            }
            "root" => {
                let at = format!("{}?offset={start}", disk.display());
                e2fsck(Path::new(&at));
            }
            _ => {}
        }
    }
}

#[test]
fn a_gpt_disk_is_sound_and_says_what_was_asked() {
    let fixture = fixture();
    let layout = layout::solve(&x86_64()).unwrap();
    let code = Source::Bytes([0x90; 440].as_slice().into());
    let disk = fixture.make(&layout, BTreeMap::from([("mbr".to_owned(), code)]));
    let text = stdout(Command::new("sgdisk").arg("-v").arg(&disk));
    assert!(text.contains("No problems found."), "{text}");
    let found = table(&disk);
    assert_eq!(found["label"], "gpt");
    assert_eq!(found["id"], "01234567-89AB-CDEF-0123-456789ABCDEF");
    let partitions = found["partitions"].as_array().unwrap();
    let all = partitions
        .iter()
        .zip(named(&layout))
        .zip([BIOS_BOOT, ESP, ROOT]);
    for ((found, (name, partition)), kind) in all {
        assert_eq!(found["start"], partition.start.0 / 512);
        assert_eq!(found["size"], partition.len.0 / 512);
        assert_eq!(found["type"], kind);
        assert_eq!(found["name"], name);
        let Entry::Gpt(entry) = &partition.entry else {
            panic!("a GPT entry")
        };
        let uuid = imgbuild::seed::uuid_text(&entry.guid).to_uppercase();
        assert_eq!(found["uuid"], uuid.as_str());
    }
    assert_eq!(partitions.len(), 3);
    let mut sector = vec![0; 512];
    fs_err::File::open(&disk)
        .unwrap()
        .read_exact(&mut sector)
        .unwrap();
    assert_eq!(sector[..440], [0x90; 440], "the boot code is there");
    assert_contents(&disk, &layout);
}

#[test]
fn an_mbr_disk_is_sound_and_says_what_was_asked() {
    let fixture = fixture();
    let layout = layout::solve(&raspberry_pi()).unwrap();
    let disk = fixture.make(&layout, BTreeMap::new());
    let found = table(&disk);
    assert_eq!(
        (&found["label"], &found["id"]),
        (&"dos".into(), &"0x12345678".into())
    );
    let partition = |n: usize| {
        let it = &found["partitions"][n];
        (
            it["start"].as_u64(),
            it["size"].as_u64(),
            it["type"].as_str(),
            it["bootable"].as_bool(),
        )
    };
    assert_eq!(
        partition(0),
        (Some(8192), Some(1 << 20), Some("c"), Some(true))
    );
    assert_eq!(
        partition(1),
        (Some(8192 + (1 << 20)), Some(80 << 10), Some("83"), None)
    );
    assert_contents(&disk, &layout);
}

#[test]
fn sfdisk_would_write_the_same_mbr() {
    let fixture = fixture();
    let partitions = (1..=4).map(|n| mbr_partition(&n.to_string(), 0x83, n == 2, n * 3000));
    let request = Request {
        partitions: partitions.collect(),
        ..raspberry_pi()
    };
    let layout = layout::solve(&request).unwrap();
    let image = layout::assemble(&layout, BTreeMap::new(), BTreeMap::new()).unwrap();
    let ours = fixture.folder.path().join("ours.img");
    sink::write(&image, &fixture.store, &ours, Digest::Skip, &Silent).unwrap();
    let dump = run(Command::new("sfdisk").arg("-d").arg(&ours)).stdout;
    let theirs = fixture.folder.path().join("theirs.img");
    resize(&theirs, layout.len.0);
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["-q", "--no-reread"]).arg(&theirs);
    run(sfdisk.stdin(input(dump)));
    let sector = |path: &Path| {
        let mut sector = vec![0; 512];
        fs_err::File::open(path)
            .unwrap()
            .read_exact(&mut sector)
            .unwrap();
        sector
    };
    assert_eq!(sector(&ours), sector(&theirs));
}
