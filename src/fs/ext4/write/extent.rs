//! Extent trees: which run of blocks holds which part of a file.
//!
//! File blocks that no leaf names are holes. The root has room for four entries and lies in the
//! inode. With checksums, each other node ends in its checksum.

use super::data::Run;
use super::sizes::BLOCK_SIZE;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::extent::*;
use crate::fs::ext4::format::field::{Le32, low16, low32};

const ROOT_ROOM: usize = 4;
const NODE_ROOM: usize = (BLOCK_SIZE - HEADER) / ENTRY;
/// Bytes of the root in an inode.
pub(super) const ROOT_SIZE: usize = HEADER + ROOT_ROOM * ENTRY;

/// How many blocks the nodes below the root of a file in `runs` take.
pub(super) fn n_nodes(runs: &[Run]) -> u64 {
    let mut level: u64 = runs
        .iter()
        .map(|run| (run.blocks.end - run.blocks.start).div_ceil(MAX_WRITTEN))
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
                    let end = HEADER + NODE_ROOM * ENTRY;
                    let sum = seed.over(&[&bytes[..end]]);
                    Le32(end).put(&mut bytes, sum);
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
            let len = (blocks.end - start).min(MAX_WRITTEN);
            let mut entry = [0; ENTRY];
            EE_BLOCK.put(&mut entry, low32(file_block));
            EE_LEN.put(&mut entry, low16(low32(len)));
            EE_START.put(&mut entry, start);
            entries.push(entry);
            file_block += len;
            start += len;
        }
    }
    entries
}

fn index_entry(first_below: &[u8; ENTRY], block: u64) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    EE_BLOCK.put(&mut entry, EE_BLOCK.get(first_below));
    EI_LEAF.put(&mut entry, block);
    entry
}

fn write_node(bytes: &mut [u8], room: usize, depth: u16, entries: &[[u8; ENTRY]]) {
    let short = |number: usize| u16::try_from(number).expect("at most 340 entries");
    EH_MAGIC.put(bytes, MAGIC);
    EH_ENTRIES.put(bytes, short(entries.len()));
    EH_MAX.put(bytes, short(room));
    EH_DEPTH.put(bytes, depth);
    bytes[HEADER..][..entries.len() * ENTRY].copy_from_slice(entries.as_flattened());
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
