use super::*;
use crate::fs::ext4::read::made::{self, FILETYPE, METADATA_CSUM, put16, put32};

const WHAT: Place = Place::Block { ino: 12, block: 40 };

/// An entry that takes `len` bytes.
fn entry(ino: u32, len: usize, name: &[u8]) -> Vec<u8> {
    let mut entry = vec![0; len.max(NAME + name.len())];
    put32(&mut entry, 0, ino);
    put16(&mut entry, 4, len as u16);
    entry[6] = name.len() as u8;
    entry[NAME..NAME + name.len()].copy_from_slice(name);
    entry
}

/// The names in a block of `entries`.
fn read(entries: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, u32)>, String> {
    let superblock = made::superblock(FILETYPE, 0);
    let mut reading = Reading {
        ino: 12,
        superblock: &superblock,
        entries: Vec::new(),
    };
    let read = reading.block(WHAT, &entries.concat(), 0);
    read.map_err(|error| error.to_string())?;
    let parts = |entry: Entry| (entry.name.as_bytes().to_vec(), entry.ino);
    Ok(reading.entries.into_iter().map(parts).collect())
}

#[test]
fn unused_entries_are_passed_over() {
    let block = [
        entry(13, 16, b"one"),
        entry(0, 20, b"deleted"),
        entry(14, 28, b"\xff"),
    ];
    let found = read(&block);
    assert_eq!(
        found,
        Ok(vec![(b"one".to_vec(), 13), (b"\xff".to_vec(), 14)])
    );
}

#[test]
fn entries_that_cannot_be_are_refused() {
    let at_0 = "of the directory entry at byte 0 is";
    let mut long = entry(13, 12, b"name");
    put16(&mut long, 4, 16);
    for (block, refusal) in [
        (entry(13, 0, b"name"), format!("rec_len {at_0} 0")),
        (entry(13, 8, b""), format!("rec_len {at_0} 8")),
        (entry(13, 14, b"name"), format!("rec_len {at_0} 14")),
        (long, format!("rec_len {at_0} 16")),
        (entry(13, 12, b"names"), format!("name_len {at_0} 5")),
        (
            entry(17, 12, b"name"),
            "names inode 17: expected 1 to 16".into(),
        ),
        (
            entry(13, 12, b"a/b"),
            "has the name `a/b`, which cannot be one".into(),
        ),
        (
            entry(13, 12, b".."),
            "has the name `..`, which cannot be one".into(),
        ),
        (
            entry(13, 12, b""),
            "has the name ``, which cannot be one".into(),
        ),
    ] {
        let text = read(&[block]).unwrap_err();
        assert!(text.contains(&refusal), "{text}");
    }
    let text = read(&[entry(13, 12, b"name"), vec![0; 8]]).unwrap_err();
    assert!(
        text.contains("rec_len of the directory entry at byte 12 is 8"),
        "{text}"
    );
}

#[test]
fn the_dots_come_first_and_are_itself_and_its_parent() {
    let superblock = made::superblock(FILETYPE, 0);
    let reading = Reading {
        ino: 12,
        superblock: &superblock,
        entries: Vec::new(),
    };
    let dots = |entries: &[Vec<u8>]| {
        let dots = reading.dots(WHAT, &entries.concat(), 2);
        dots.map_err(|error| error.to_string())
    };
    assert_eq!(dots(&[entry(12, 12, b"."), entry(2, 12, b"..")]), Ok(24));
    for (block, refusal) in [
        (
            vec![entry(13, 12, b"."), entry(2, 12, b"..")],
            "`.` of directory inode 12 is inode 13: expected 12",
        ),
        (
            vec![entry(12, 12, b"."), entry(3, 12, b"..")],
            "`..` of directory inode 12 is inode 3: expected 2",
        ),
        (
            vec![entry(12, 12, b"x"), entry(2, 12, b"..")],
            "`.` of directory inode 12 is inode 0: expected 12",
        ),
        (
            vec![entry(12, 12, b".")],
            "`..` of directory inode 12 is inode 0: expected 2",
        ),
    ] {
        assert_eq!(dots(&block), Err(refusal.to_owned()));
    }
}

#[test]
fn blocks_have_the_right_checksum_behind_their_entries() {
    let superblock = made::superblock(FILETYPE, METADATA_CSUM);
    let inode = made::file([0; 60], 1024, &superblock);
    let mut block = entry(13, 1012, b"name");
    block.extend(TAIL_MARK);
    let sum = inode.seed.unwrap().over(&[&block[..1012]]);
    block.extend(sum.to_le_bytes());
    assert_eq!(room(WHAT, &block, false, &inode), Ok(1012));
    block[1000] ^= 1;
    assert!(matches!(
        room(WHAT, &block, false, &inode),
        Err(Corrupt::Checksum { found, .. }) if found == sum
    ));
    block[1019] = 0xdd;
    assert!(matches!(
        room(WHAT, &block, false, &inode),
        Err(Corrupt::DirectoryEntry { at: 1012, .. })
    ));
}

#[test]
fn an_index_of_more_than_its_block_is_refused() {
    let seed = made::superblock(0, METADATA_CSUM).seed.unwrap();
    let mut block = [0; 1024];
    for (limit, count) in [(u16::MAX, 0), (124, 0), (10, 11)] {
        put16(&mut block, ROOT_TABLE, limit);
        put16(&mut block, ROOT_TABLE + 2, count);
        assert!(matches!(
            verify_index(WHAT, &block, ROOT_TABLE, seed),
            Err(Corrupt::DirectoryEntry { field: "limit", .. })
        ));
    }
}
