//! The blocks that belong to no file and to no table, as the bitmaps of blocks say.

use super::error::ReadError;
use super::filesystem::Filesystem;
use super::group::Group;
use std::ops::Range;

/// Bytes of a descriptor that has the whole checksum of a bitmap, and not its lower half only.
const WHOLE_CHECKSUM: u16 = 64;

impl Filesystem<'_> {
    /// Returns the ascending spans of the device, in bytes, that are free. A group counts as used if its bitmap was
    /// never written, or has another checksum than its descriptor says.
    ///
    /// # Errors
    /// Fails if the device cannot be read.
    pub fn free(&self) -> Result<Vec<Range<u64>>, ReadError> {
        let superblock = &self.superblock;
        let block_size = u64::from(superblock.block_size);
        let mut spans: Vec<Range<u64>> = Vec::new();
        for (number, group) in (0..).zip(&self.groups) {
            let Some(bitmap) = self.block_bitmap(group)? else {
                continue;
            };
            let first = superblock.first_block + number * u64::from(superblock.blocks_per_group);
            let n_blocks = (superblock.n_blocks - first).min(superblock.blocks_per_group.into());
            for block in 0..n_blocks {
                // A bit stands for a cluster of blocks.
                let bit = usize::try_from(block >> superblock.log_cluster_ratio);
                let bit = bit.expect("a bitmap is in memory");
                let is_used = bitmap
                    .get(bit / 8)
                    .is_none_or(|byte| byte >> (bit % 8) & 1 == 1);
                let start = (first + block) * block_size;
                match spans.last_mut() {
                    _ if is_used => {}
                    Some(span) if span.end == start => span.end += block_size,
                    _ => spans.push(start..start + block_size),
                }
            }
        }
        Ok(spans)
    }

    /// The bitmap of blocks of `group`, if it says anything.
    fn block_bitmap(&self, group: &Group) -> Result<Option<Vec<u8>>, ReadError> {
        if !group.has_block_bitmap {
            return Ok(None);
        }
        let superblock = &self.superblock;
        let len = superblock.block_size as usize;
        let bitmap =
            (self.device).read(group.block_bitmap * u64::from(superblock.block_size), len)?;
        let Some(seed) = superblock.seed else {
            return Ok(Some(bitmap));
        };
        let n_clusters = superblock.blocks_per_group >> superblock.log_cluster_ratio;
        let covered = len.min(n_clusters as usize / 8);
        let mask = match superblock.descriptor_size {
            WHOLE_CHECKSUM.. => u32::MAX,
            _ => 0xffff,
        };
        let differs = (seed.over(&[&bitmap[..covered]]) ^ group.block_bitmap_csum) & mask;
        Ok((differs == 0).then_some(bitmap))
    }
}
