//! The index of a directory: leaf blocks in the order of their names' hashes, and one or two
//! levels of blocks that say at which hash each begins.

use super::entry::{Entry, Style};
use super::sizes::BLOCK_SIZE;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::directory::{
    DX_HASH_HALF_MD4, INDEX_ENTRY, NODE_TABLE, ROOT_TABLE, SHORTEST, index_checksum,
};
use crate::fs::ext4::format::field::{Le16, Le32, low16};
use crate::fs::ext4::format::hash::half_md4;
use std::ops::Range;

/// The leaves and the tables above them.
#[derive(Debug)]
pub(super) struct Index {
    leaves: Vec<Leaf>,
    n_entries: usize,
    /// How many leaves a node of the second level names; `None` if the root names all leaves.
    node_limit: Option<usize>,
}

#[derive(Debug)]
struct Leaf {
    /// The least hash; bit 0 is set where the hash before it is the same.
    hash: u32,
    first: usize,
}

impl Index {
    /// Sorts `entries` by hash and cuts them into leaves. `None` if two levels do not suffice.
    pub(super) fn new(entries: &mut Vec<Entry<'_>>, style: &Style) -> Option<Self> {
        let mut hashed: Vec<_> = entries
            .iter()
            .map(|entry| (half_md4(entry.name, &style.hash_seed), *entry))
            .collect();
        hashed.sort_unstable_by_key(|(hash, entry)| (*hash, entry.name));
        *entries = hashed.iter().map(|(_, entry)| *entry).collect();

        let mut leaves: Vec<Leaf> = Vec::new();
        let mut room = 0;
        for (first, (hash, entry)) in hashed.iter().enumerate() {
            if room < entry.len() {
                let goes_on = first > 0 && hashed[first - 1].0 == *hash;
                leaves.push(Leaf {
                    hash: hash | u32::from(goes_on),
                    first,
                });
                room = style.leaf_room();
            }
            room -= entry.len();
        }
        let root_limit = limit(ROOT_TABLE, style.checksums);
        let limit_below = limit(NODE_TABLE, style.checksums);
        let node_limit = (leaves.len() > root_limit).then_some(limit_below);
        let fits = leaves.len() <= root_limit * limit_below;
        fits.then_some(Self {
            leaves,
            n_entries: entries.len(),
            node_limit,
        })
    }

    fn n_nodes(&self) -> usize {
        self.node_limit
            .map_or(0, |limit| self.leaves.len().div_ceil(limit))
    }

    /// Root, nodes and leaves.
    pub(super) fn n_blocks(&self) -> u64 {
        u64::try_from(1 + self.n_nodes() + self.leaves.len()).expect("a length fits 64 bits")
    }

    /// Which entries each leaf holds.
    pub(super) fn leaves(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.leaves.iter().skip(1).map(|leaf| leaf.first);
        let starts = self.leaves.iter().map(|leaf| leaf.first);
        starts
            .zip(ends.chain([self.n_entries]))
            .map(|(start, end)| start..end)
    }

    /// Root and nodes for a directory with these `dots`; the leaves come behind them.
    pub(super) fn write(&self, dots: [Entry<'_>; 2], seed: Option<Seed>) -> Vec<u8> {
        let first_leaf = 1 + self.n_nodes();
        let leaves: Vec<_> = (first_leaf..)
            .zip(&self.leaves)
            .map(|(at, leaf)| (leaf.hash, at))
            .collect();
        let Some(limit) = self.node_limit else {
            return root(dots, 0, &leaves, seed);
        };
        let nodes: Vec<_> = leaves
            .chunks(limit)
            .enumerate()
            .map(|(i, named)| (named[0].0, 1 + i))
            .collect();
        let mut bytes = root(dots, 1, &nodes, seed);
        for named in leaves.chunks(limit) {
            bytes.extend(node(named, seed));
        }
        bytes
    }
}

/// How many blocks a table at byte `table` can name.
fn limit(table: usize, checksums: bool) -> usize {
    (BLOCK_SIZE - table - if checksums { INDEX_ENTRY } else { 0 }) / INDEX_ENTRY
}

fn root(
    [dot, dot_dot]: [Entry<'_>; 2],
    levels_below: u8,
    named: &[(u32, usize)],
    seed: Option<Seed>,
) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_SIZE];
    dot.write(&mut bytes, SHORTEST);
    dot_dot.write(&mut bytes[SHORTEST..], BLOCK_SIZE - SHORTEST);
    bytes[0x1c] = DX_HASH_HALF_MD4;
    bytes[0x1d] = 8; // length of these fields
    bytes[0x1e] = levels_below;
    write_table(&mut bytes, ROOT_TABLE, named, seed);
    bytes
}

fn node(named: &[(u32, usize)], seed: Option<Seed>) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_SIZE];
    Entry::UNUSED.write(&mut bytes, BLOCK_SIZE);
    write_table(&mut bytes, NODE_TABLE, named, seed);
    bytes
}

fn write_table(bytes: &mut [u8], table: usize, named: &[(u32, usize)], seed: Option<Seed>) {
    let number = |number: usize| u32::try_from(number).expect("at most 510² blocks");
    for (i, (hash, block)) in named.iter().enumerate() {
        let entry = &mut bytes[table + INDEX_ENTRY * i..];
        Le32(0).put(entry, *hash);
        Le32(4).put(entry, number(*block));
    }
    // Limit and count take the place of the first hash, which is always 0.
    let limit = limit(table, seed.is_some());
    Le16(table).put(bytes, low16(number(limit)));
    Le16(table + 2).put(bytes, low16(number(named.len())));
    if let Some(seed) = seed {
        let sum = index_checksum(seed, bytes, table, named.len(), limit);
        Le32(table + INDEX_ENTRY * limit + 4).put(bytes, sum);
    }
}
