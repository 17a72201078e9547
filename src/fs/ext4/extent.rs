//! Extent trees: which run of blocks holds which part of a file.
//!
//! ```text
//! node    magic u16, entries u16, room u16, depth u16, generation u32; then entries of 12 bytes
//! leaf    file block u32, length u16, start high u16, start low u32
//! index   file block u32, child low u32, child high u16, unused u16
//! ```
//!
//! File blocks that no leaf names are holes. The root has room for four entries and lies in the inode. With checksums, other nodes end in
//! one.

use super::csum::Seed;
use super::data::Run;
use super::spec::{BLOCK_SIZE, high32, low16, low32, put16, put32};

const MAGIC: u16 = 0xf30a;
const NODE_HEADER: usize = 12;
const ENTRY: usize = 12;
const ROOT_ROOM: usize = 4;
const NODE_ROOM: usize = (BLOCK_SIZE - NODE_HEADER) / ENTRY;
/// Blocks of one extent; beyond are those that are allocated but not written.
const MAX_EXTENT: u64 = 32_768;

/// Bytes of the root in an inode.
pub(super) const ROOT_SIZE: usize = NODE_HEADER + ROOT_ROOM * ENTRY;

/// How many blocks the nodes below the root of a file in `runs` take.
pub(super) fn n_nodes(runs: &[Run]) -> u64 {
    let mut level: u64 = runs
        .iter()
        .map(|run| (run.blocks.end - run.blocks.start).div_ceil(MAX_EXTENT))
        .sum();
    let (mut n_nodes, room): (u64, u64) = (0, NODE_ROOM as u64);
    while level > ROOT_ROOM as u64 {
        level = level.div_ceil(room);
        n_nodes += level;
    }
    n_nodes
}

/// A tree: the root, and the nodes below it with their block numbers.
pub(super) struct ExtentTree {
    pub(super) root: [u8; ROOT_SIZE],
    pub(super) nodes: Vec<(u64, Vec<u8>)>,
}

impl ExtentTree {
    /// The tree of a file that lies in `runs`, with [`n_nodes`] nodes in `node_blocks`. `seed` is
    /// the inode's.
    pub(super) fn new(
        runs: &[Run],
        mut node_blocks: impl Iterator<Item = u64>,
        seed: Option<Seed>,
    ) -> Self {
        let mut level = leaf_entries(runs);
        let mut nodes = Vec::new();
        let mut depth = 0;
        while level.len() > ROOT_ROOM {
            let mut above = Vec::new();
            for entries in level.chunks(NODE_ROOM) {
                let block = node_blocks.next().expect("n_nodes counts them");
                let mut bytes = vec![0; BLOCK_SIZE];
                write_node(&mut bytes, NODE_ROOM, depth, entries);
                if let Some(seed) = seed {
                    let end = NODE_HEADER + NODE_ROOM * ENTRY;
                    let sum = seed.over(&[&bytes[..end]]);
                    put32(&mut bytes, end, sum);
                }
                above.push(index_entry(&entries[0], block));
                nodes.push((block, bytes));
            }
            level = above;
            depth += 1;
        }
        let mut root = [0; ROOT_SIZE];
        write_node(&mut root, ROOT_ROOM, depth, &level);
        Self { root, nodes }
    }
}

fn leaf_entries(runs: &[Run]) -> Vec<[u8; ENTRY]> {
    let mut entries = Vec::new();
    for Run { file_block, blocks } in runs {
        let (mut file_block, mut start) = (*file_block, blocks.start);
        while start < blocks.end {
            let len = (blocks.end - start).min(MAX_EXTENT);
            let mut entry = [0; ENTRY];
            put32(&mut entry, 0, low32(file_block));
            put16(&mut entry, 4, low16(low32(len)));
            put16(&mut entry, 6, low16(high32(start)));
            put32(&mut entry, 8, low32(start));
            entries.push(entry);
            file_block += len;
            start += len;
        }
    }
    entries
}

fn index_entry(first_below: &[u8; ENTRY], block: u64) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..4].copy_from_slice(&first_below[..4]);
    put32(&mut entry, 4, low32(block));
    put16(&mut entry, 8, low16(high32(block)));
    entry
}

fn write_node(bytes: &mut [u8], room: usize, depth: u16, entries: &[[u8; ENTRY]]) {
    let short = |number: usize| u16::try_from(number).expect("at most 340 entries");
    put16(bytes, 0, MAGIC);
    put16(bytes, 2, short(entries.len()));
    put16(bytes, 4, short(room));
    put16(bytes, 6, depth);
    bytes[NODE_HEADER..][..entries.len() * ENTRY].copy_from_slice(entries.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_nodes_are_made_as_were_counted() {
        for n_runs in [0, 4, 5, 340, 341, 1360, 1361, 500_000] {
            // Every second block, so that no two runs are one extent.
            let every_second = |i| Run {
                file_block: i,
                blocks: 2 * i..2 * i + 1,
            };
            let runs: Vec<_> = (0..n_runs).map(every_second).collect();
            let n_nodes = n_nodes(&runs);
            let mut blocks = 1_u64 << 40..;
            let tree = ExtentTree::new(&runs, &mut blocks, None);
            assert_eq!(blocks.start - (1 << 40), n_nodes, "{n_runs} runs");
            assert_eq!(tree.nodes.len() as u64, n_nodes);
        }
    }
}
