//! Blocks of extended attributes, which inodes with the same attributes share.

use super::xattr::{Attribute, block_hash, write_block};
use crate::fs::ext4::format::checksum::Seed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many inodes as share a block (`EXT4_XATTR_REFCOUNT_MAX`).
const MOST_INODES: u32 = 1024;

/// All blocks of attributes, in the order in which inodes first need them.
#[derive(Debug, Default)]
pub(super) struct XattrBlocks {
    blocks: Vec<XattrBlock>,
    /// The last block with these attributes.
    last: BTreeMap<Arc<[Attribute]>, usize>,
}

#[derive(Debug)]
struct XattrBlock {
    attributes: Arc<[Attribute]>,
    n_inodes: u32,
}

impl XattrBlocks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the block for one more inode with `attributes`, or `None` if it has no attributes.
    pub(super) fn add(&mut self, attributes: Vec<Attribute>) -> Option<usize> {
        if attributes.is_empty() {
            return None;
        }
        if let Some(&index) = self.last.get(attributes.as_slice()) {
            let block = &mut self.blocks[index];
            if block.n_inodes < MOST_INODES {
                block.n_inodes += 1;
                return Some(index);
            }
        }
        let index = self.blocks.len();
        let attributes: Arc<[Attribute]> = attributes.into();
        // The kernel never shares a block without a hash.
        if block_hash(&attributes) != 0 {
            self.last.insert(attributes.clone(), index);
        }
        self.blocks.push(XattrBlock {
            attributes,
            n_inodes: 1,
        });
        Some(index)
    }

    /// Returns the number and the bytes of every block; block i gets number `places[i]`.
    pub(super) fn write(
        &self,
        places: &[u64],
        seed: Option<Seed>,
    ) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let write = move |(place, block): (&u64, &XattrBlock)| {
            let bytes = write_block(&block.attributes, block.n_inodes, *place, seed);
            (*place, bytes)
        };
        places.iter().zip(&self.blocks).map(write)
    }
}

#[cfg(test)]
mod tests {
    use super::super::xattr::Xattrs;
    use super::*;

    #[test]
    fn equal_attributes_share_a_block_until_it_is_full() {
        let large = |byte| {
            let xattrs = BTreeMap::from([(b"user.large".to_vec(), vec![byte; 200])]);
            Xattrs::new(&xattrs, false).unwrap().take_in_block()
        };
        let mut blocks = XattrBlocks::default();
        assert_eq!(blocks.add(Vec::new()), None);
        let added: Vec<_> = (0..1025).map(|_| blocks.add(large(1))).collect();
        assert!(added[..1024].iter().all(|block| *block == Some(0)));
        assert_eq!(added[1024], Some(1));
        assert_eq!(blocks.add(large(2)), Some(2));
        assert_eq!(blocks.add(large(1)), Some(1));
        assert_eq!(blocks.len(), 3);
    }
}
