use super::*;
use crate::fs::ext4::format::inode::EXT4_EXTENTS_FL;
use crate::fs::ext4::read::made::{self, EA_INODE, block, leaf, node, put16, put32};

const WHAT: Place = Place::Inode(12);

/// An entry of a user's attribute `name` with a value of `size` bytes at `offset`.
fn entry(name: &[u8], offset: u16, size: u32) -> Vec<u8> {
    let mut entry = vec![0; ENTRY];
    (entry[0], entry[1]) = (name.len() as u8, 1);
    put16(&mut entry, 2, offset);
    put32(&mut entry, 8, size);
    entry.extend_from_slice(name);
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry
}

/// Names and values.
type Found = Vec<(Vec<u8>, Vec<u8>)>;

/// What `Space::entries` finds in 100 bytes that begin with `entries`.
fn read(entries: &[Vec<u8>]) -> Result<Found, String> {
    let mut space: Vec<u8> = (0..100).map(|at| at + 100).collect();
    let entries = entries.concat();
    space[..entries.len()].copy_from_slice(&entries);
    put32(&mut space, entries.len(), 0);
    let raw = Space::entries(WHAT, &space, 0).map_err(|error| error.to_string())?;
    let parts = |raw: Raw| match raw.value {
        Value::Here(value) => (raw.name, value),
        Value::Inode { .. } => panic!("{raw:?}"),
    };
    Ok(raw.into_iter().map(parts).collect())
}

#[test]
fn entries_have_their_names_and_values() {
    let found = read(&[entry(b"one", 95, 3), entry(b"four", 0, 0)]);
    let one = (b"one".to_vec(), vec![195, 196, 197]);
    assert_eq!(found, Ok(vec![one, (b"four".to_vec(), Vec::new())]));
}

#[test]
fn values_outside_their_room_are_refused() {
    for (offset, size) in [
        (98, 3),
        (0xffff, 1),
        (0, 101),
        (0, u32::MAX),
        (0xffff, u32::MAX),
    ] {
        let refusal = format!(
            "inode 12: e_value_size of the attribute at byte 0 is {size}: expected a value \
             within the inode or block, beside the others"
        );
        assert_eq!(read(&[entry(b"one", offset, size)]), Err(refusal));
    }
}

#[test]
fn values_that_overlap_cannot_be_more_than_their_room() {
    let two = [entry(b"a", 60, 36), entry(b"b", 60, 36)];
    assert!(read(&two[..1]).is_ok());
    assert!(read(&two).unwrap_err().contains("the attribute at byte 20"));
}

#[test]
fn names_outside_their_room_are_refused() {
    let mut long = entry(b"one", 0, 0);
    long[0] = 255;
    assert!(
        read(&[long])
            .unwrap_err()
            .contains("e_name_len of the attribute at byte 0 is 255")
    );
    for len in [0, 3, 20, 22] {
        let mut space = entry(b"one", 0, 0);
        space.extend([1; 3]);
        assert!(Space::entries(WHAT, &space[..len], 0).is_err(), "{len}");
    }
}

/// Blocks in which inode 12 holds a value of 1500 bytes, and that value.
fn value_in_inode() -> (Vec<u8>, Vec<u8>) {
    let value: Vec<u8> = (0..1500).map(|at: u32| (at % 251) as u8).collect();
    let mut blocks = made::blocks();
    block(&mut blocks, 30).copy_from_slice(&value[..1024]);
    block(&mut blocks, 50)[..476].copy_from_slice(&value[1024..]);
    let superblock = made::superblock(EA_INODE, 0);
    let inode = made::inode_bytes(&mut blocks, 12);
    put16(inode, 0x00, S_IFREG | 0o600);
    put32(inode, 0x04, 1500);
    put32(inode, 0x08, superblock.value_seed.over(&[&value]));
    put16(inode, 0x1a, 1);
    put32(inode, 0x20, EXT4_EXTENTS_FL | 0x20_0000);
    let root = node::<60>(0, &[leaf(0, 1, 30), leaf(1, 1, 50)]);
    inode[0x28..0x64].copy_from_slice(&root);
    (blocks, value)
}

fn read_value(blocks: &[u8], features: u32, ino: u32, size: u32) -> Result<Vec<u8>, String> {
    let filesystem = made::filesystem(&blocks, &made::superblock(features, 0));
    let mut volume = Volume::new(&filesystem).unwrap();
    let mut xattrs = Xattrs::default();
    let value = xattrs.value(WHAT, 0, ino, size, &mut volume);
    // Read once, however often it is asked for.
    let again = xattrs.value(WHAT, 0, ino, size, &mut volume);
    let value = value.map_err(|error| error.to_string())?;
    assert_eq!(again.unwrap(), value);
    Ok(value.to_vec())
}

#[test]
fn a_value_of_several_blocks_is_read_from_its_inode() {
    let (blocks, value) = value_in_inode();
    assert_eq!(read_value(&blocks, EA_INODE, 12, 1500), Ok(value));
}

#[test]
fn inodes_that_do_not_hold_the_value_are_refused() {
    let (mut blocks, _) = value_in_inode();
    for (features, ino, size, refusal) in [
        (0, 12, 1500, "e_value_inum"),
        (EA_INODE, 12, 1499, "e_value_inum"),
        (EA_INODE, 13, 1500, "e_value_inum"),
        (
            EA_INODE,
            17,
            1500,
            "inode 12 names inode 17: expected 1 to 16",
        ),
    ] {
        let text = read_value(&blocks, features, ino, size).unwrap_err();
        assert!(text.contains(refusal), "{text}");
    }
    block(&mut blocks, 50)[0] ^= 1;
    let text = read_value(&blocks, EA_INODE, 12, 1500).unwrap_err();
    assert!(text.starts_with("checksum of inode 12 is "), "{text}");
}
