use super::*;
use crate::fs::ext4::read::made::{self, METADATA_CSUM, N_BLOCKS, block, index, leaf, node};

/// What `runs` says about an inode with `root` and these nodes in blocks.
fn read(root: [u8; 60], nodes: &[(usize, [u8; 1024])]) -> Result<Vec<Run>, ReadError> {
    let mut blocks = made::blocks();
    for (number, node) in nodes {
        block(&mut blocks, *number).copy_from_slice(node);
    }
    made::runs(root, &blocks, &made::superblock(0, 0))
}

fn refused(root: [u8; 60], nodes: &[(usize, [u8; 1024])]) -> String {
    read(root, nodes).unwrap_err().to_string()
}

fn run(file_block: u64, len: u64, start: u64, is_written: bool) -> Run {
    Run {
        file_block,
        len,
        start,
        is_written,
    }
}

#[test]
fn extents_are_read_in_the_order_of_the_file_through_nodes() {
    let root = node(1, &[index(0, 40), index(100, 41)]);
    let first = node(0, &[leaf(0, 2, 50), leaf(7, 0x8003, 20)]);
    let second = node(0, &[leaf(100, 1, 10)]);
    let expected = [
        run(0, 2, 50, true),
        run(7, 3, 20, false),
        run(100, 1, 10, true),
    ];
    assert_eq!(read(root, &[(41, second), (40, first)]).unwrap(), expected);
}

#[test]
fn the_longest_written_extent_is_no_unwritten_one() {
    let root = node::<60>(0, &[leaf(0, 0x8000, 1)]);
    let (mut runs, mut ahead) = (Vec::new(), Vec::new());
    let root = Node {
        what: Place::Inode(12),
        bytes: &root,
        from: 0,
        end: FILE_BLOCKS,
    };
    root.read(0, &mut runs, &mut ahead).unwrap();
    assert_eq!(runs, [run(0, 0x8000, 1, true)]);
}

#[test]
fn headers_that_cannot_be_are_refused() {
    for (at, value, field) in [
        (0, 0xf30b, "eh_magic"),
        (2, 5, "eh_entries"),
        (4, 5, "eh_max"),
        (4, 0, "eh_max"),
        (6, 6, "eh_depth"),
    ] {
        let mut root = node(0, &[leaf(0, 1, 20)]);
        // Without its magic number a root is a list of blocks.
        let mut below = node(0, &[]);
        match at {
            0 => made::put16(&mut below, 0, value),
            _ => made::put16(&mut root, at, value),
        }
        let text = match at {
            0 => refused(node(1, &[index(0, 40)]), &[(40, below)]),
            _ => refused(root, &[]),
        };
        assert!(
            text.contains(&format!("{field} of extent entry 0 is {value}")),
            "{text}"
        );
    }
}

#[test]
fn entries_that_cannot_be_are_refused() {
    for (entries, refusal) in [
        (
            vec![leaf(0, 0, 20)],
            "ee_len of extent entry 0 is 0: expected 1",
        ),
        (
            vec![leaf(0, 3, 20), leaf(2, 1, 30)],
            "ee_block of extent entry 1 is 2: expected 3",
        ),
        (
            vec![leaf(u32::MAX, 2, 20)],
            "ee_len of extent entry 0 is 4294967297: expected 4294967296",
        ),
        (
            vec![leaf(0, 3, N_BLOCKS as u32 - 2)],
            "inode 12 points to block 64: expected 1 to 63",
        ),
        (
            vec![leaf(0, 1, 0)],
            "inode 12 points to block 0: expected 1 to 63",
        ),
        (
            vec![leaf(0, 3, 20), leaf(9, 3, 22)],
            "block 22 belongs to inode 12 and to inode 12",
        ),
    ] {
        let text = refused(node(0, &entries), &[]);
        assert!(text.ends_with(refusal), "{text}");
    }
}

#[test]
fn nodes_hold_what_the_entry_above_them_says() {
    let root = node(1, &[index(10, 40), index(20, 41)]);
    let early = refused(root, &[(40, node(0, &[leaf(9, 1, 50)]))]);
    assert!(
        early.ends_with("ee_block of extent entry 0 is 9: expected 10"),
        "{early}"
    );
    let late = refused(root, &[(40, node(0, &[leaf(15, 6, 50)]))]);
    assert!(
        late.ends_with("ee_len of extent entry 0 is 21: expected 20"),
        "{late}"
    );
}

#[test]
fn a_tree_that_leads_back_into_itself_ends() {
    let root = node(2, &[index(0, 40)]);
    let itself = refused(root, &[(40, node(1, &[index(0, 40)]))]);
    assert_eq!(itself, "block 40 belongs to inode 12 and to inode 12");
    let shallow = refused(root, &[(40, node(2, &[index(0, 41)]))]);
    assert!(
        shallow.ends_with("eh_depth of extent entry 0 is 2: expected 1"),
        "{shallow}"
    );
    let content = refused(
        node(1, &[index(0, 40)]),
        &[(40, node(0, &[leaf(0, 1, 40)]))],
    );
    assert_eq!(content, "block 40 belongs to inode 12 and to inode 12");
}

#[test]
fn nodes_have_the_right_checksum() {
    let superblock = made::superblock(0, METADATA_CSUM);
    let mut below: [u8; 1024] = node(0, &[leaf(0, 1, 50)]);
    let end = HEADER + 84 * ENTRY;
    let seed = superblock.seed.unwrap().inode(12, 0);
    let sum = seed.over(&[&below[..end]]);
    made::put32(&mut below, end, sum);
    let root = node(1, &[index(0, 40)]);
    let mut blocks = made::blocks();
    block(&mut blocks, 40).copy_from_slice(&below);
    assert_eq!(made::runs(root, &blocks, &superblock).unwrap().len(), 1);
    block(&mut blocks, 40)[end - 1] ^= 1;
    assert!(matches!(
        made::runs(root, &blocks, &superblock),
        Err(ReadError::Corrupt(Corrupt::Checksum { found, .. })) if found == sum
    ));
    // More entries than there is room for leave none for the checksum.
    made::put16(block(&mut blocks, 40), 4, u16::MAX);
    let text = made::runs(root, &blocks, &superblock)
        .unwrap_err()
        .to_string();
    assert!(
        text.ends_with("eh_max of extent entry 0 is 65535: expected 84"),
        "{text}"
    );
}
