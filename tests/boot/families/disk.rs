//! The parts of a disk around the files: the table, the ids, the filesystems themselves, and every byte
//! between the partitions.

use super::family::Family;
use crate::command;
use crate::command::{run, stdout};
use crate::support::{Partition, extract, partitions, run_folder};
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;

/// Checks `image`, which was made of the base of `family`.
pub(super) fn judge(family: &Family, image: &Path) {
    run(Command::new("/usr/sbin/sfdisk").arg("--verify").arg(image));
    let (before, after) = (partitions(&family.disk), partitions(image));
    assert_eq!(table(&family.disk), table(image));
    assert_eq!(ids(&family.disk, &before), ids(image, &after));
    assert_eq!(between(&family.disk, &before), between(image, &after));
    for ((number, partition), base) in (1..).zip(&after).zip(&before) {
        let name = image.file_name().expect("a name").to_string_lossy();
        let part = run_folder().join(format!("{name}.{number}"));
        extract(image, *partition, &part);
        match probe(image, *partition) {
            found if found.contains("TYPE=ext4") => command::e2fsck(&part),
            found if found.contains("TYPE=vfat") => {
                run(Command::new("/usr/sbin/fsck.fat").arg("-n").arg(&part));
            }
            // The BIOS boot partition has no filesystem: GRUB's core image is in it.
            found => assert!(found.is_empty(), "partition {number} is {found}"),
        }
        if number != family.root {
            let same = part.with_extension("before");
            extract(&family.disk, *base, &same);
            run(Command::new("cmp").arg(&same).arg(&part));
            fs_err::remove_file(&same).unwrap();
        }
        fs_err::remove_file(&part).unwrap();
    }
}

/// Checks that everything that `text` names as `UUID=` or `PARTUUID=` is on `disk`; gives the number of these
/// names.
pub(super) fn references_are_true(text: &str, disk: &Path) -> usize {
    let table = table(disk);
    let mut known: Vec<String> = Vec::new();
    for id in ids(disk, &partitions(disk)) {
        known.extend(
            id.lines()
                .filter(|line| line.starts_with("UUID="))
                .map(str::to_owned),
        );
    }
    let disk_id = table["id"].as_str().unwrap().trim_start_matches("0x");
    for partition in table["partitions"].as_array().unwrap() {
        let number: u32 = partition["node"].as_str().unwrap().parse().unwrap();
        known.push(match partition["uuid"].as_str() {
            Some(uuid) => format!("PARTUUID={}", uuid.to_lowercase()),
            None => format!("PARTUUID={disk_id}-{number:02x}"),
        });
    }
    let words = text.split_whitespace();
    let named =
        words.filter_map(|word| Some(&word[word.find("PARTUUID=").or(word.find("UUID="))?..]));
    named
        .inspect(|id| assert!(known.iter().any(|other| other == id), "{id} of {known:?}"))
        .count()
}

/// The table as sfdisk(8) reads it, without the lengths, which may grow.
fn table(disk: &Path) -> Value {
    let text = stdout(Command::new("/usr/sbin/sfdisk").arg("--json").arg(disk));
    let mut table = serde_json::from_str::<Value>(&text).unwrap()["partitiontable"].take();
    for field in ["device", "lastlba"] {
        table.as_object_mut().unwrap().remove(field);
    }
    let name = disk.to_str().unwrap().to_owned();
    for partition in table["partitions"].as_array_mut().unwrap() {
        let number = partition["node"]
            .as_str()
            .unwrap()
            .trim_start_matches(&name)
            .to_owned();
        partition["node"] = number.into();
        partition.as_object_mut().unwrap().remove("size");
    }
    table
}

/// The output of blkid(8) for each partition.
pub(super) fn ids(disk: &Path, partitions: &[Partition]) -> Vec<String> {
    partitions
        .iter()
        .map(|partition| probe(disk, *partition))
        .collect()
}

fn probe(disk: &Path, partition: Partition) -> String {
    let mut blkid = Command::new("/usr/sbin/blkid");
    blkid.args([
        "-p", "-o", "export", "-s", "TYPE", "-s", "UUID", "-s", "LABEL",
    ]);
    blkid.args([
        "-O",
        &partition.start.to_string(),
        "-S",
        &partition.len.to_string(),
    ]);
    // blkid fails if it recognizes nothing.
    let text = String::from_utf8(blkid.arg(disk).output().unwrap().stdout).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("DEVNAME="))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every byte before, between and behind the partitions, except for the lengths in an MBR.
fn between(disk: &Path, partitions: &[Partition]) -> Vec<Vec<u8>> {
    let mut file = fs_err::File::open(disk).unwrap();
    let len = file.metadata().unwrap().len();
    let mut partitions = partitions.to_vec();
    partitions.sort_by_key(|partition| partition.start);
    partitions.push(Partition { start: len, len: 0 });
    let mut at = 0;
    let mut found = Vec::new();
    for partition in partitions {
        let mut bytes = vec![0; usize::try_from(partition.start - at).unwrap()];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        if at == 0 {
            // Each of the four entries ends with the number of sectors, which sfdisk has read.
            (446..510)
                .step_by(16)
                .for_each(|entry| bytes[entry + 5..entry + 8].fill(0));
            (446..510)
                .step_by(16)
                .for_each(|entry| bytes[entry + 12..entry + 16].fill(0));
        }
        found.push(bytes);
        at = partition.start + partition.len;
    }
    found
}
