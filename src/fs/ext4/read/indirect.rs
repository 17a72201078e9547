//! Indirect blocks: lists of block numbers, of lists, and of lists of lists, as in ext2.
//!
//! ```text
//! i_block   12 block numbers | a list of block numbers | a list of lists | a list of lists of lists
//! ```

use super::bytes::le32;
use super::claims::Claims;
use super::error::{Place, ReadError};
use super::extent::Run;
use super::inode::Inode;
use super::patched::Patched;
use super::superblock::Superblock;

const DIRECT: usize = 12;

/// A number that is still to be followed.
struct Ahead {
    block: u64,
    /// How many lists lie between it and content.
    depth: u32,
    /// The first block below it, counted from the start of the file.
    file_block: u64,
}

/// The runs of `inode` in the order of the file. All its blocks are claimed.
pub(super) fn runs(
    inode: &Inode,
    device: &Patched<'_>,
    superblock: &Superblock,
    claims: &mut Claims,
) -> Result<Vec<Run>, ReadError> {
    let ino = inode.ino;
    let per_block = u64::from(superblock.block_size / 4);
    let mut runs: Vec<Run> = Vec::new();
    let mut ahead = Vec::new();
    let mut file_block = 0;
    for (index, number) in inode.i_block.chunks_exact(4).enumerate() {
        let depth = u32::try_from(index.saturating_sub(DIRECT - 1)).expect("at most 3");
        let block = u64::from(le32(number, 0));
        ahead.push(Ahead {
            block,
            depth,
            file_block,
        });
        file_block += per_block.pow(depth);
    }
    ahead.reverse();
    while let Some(Ahead {
        block,
        depth,
        file_block,
    }) = ahead.pop()
    {
        if block == 0 {
            continue;
        }
        superblock.check_blocks(Place::Inode(ino), block, 1)?;
        if depth == 0 {
            add(&mut runs, file_block, block);
            continue;
        }
        claims.claim(block, 1, Place::Inode(ino))?;
        let size = superblock.block_size as usize;
        let bytes = device.read(block * u64::from(superblock.block_size), size)?;
        let below = per_block.pow(depth - 1);
        for (index, number) in bytes.chunks_exact(4).enumerate().rev() {
            ahead.push(Ahead {
                block: u64::from(le32(number, 0)),
                depth: depth - 1,
                file_block: file_block + index as u64 * below,
            });
        }
    }
    for run in &runs {
        claims.claim(run.start, run.len, Place::Inode(ino))?;
    }
    Ok(runs)
}

/// Adds one block, to the last run where it goes on there.
fn add(runs: &mut Vec<Run>, file_block: u64, block: u64) {
    match runs.last_mut() {
        Some(last)
            if last.file_block + last.len == file_block && last.start + last.len == block =>
        {
            last.len += 1;
        }
        _ => runs.push(Run {
            file_block,
            len: 1,
            start: block,
            is_written: true,
        }),
    }
}
