//! Indirect blocks: lists of block numbers, of lists, and of lists of lists, as in ext2.
//!
//! ```text
//! i_block   12 block numbers | a list of block numbers | a list of lists | a list of lists of lists
//! ```

use super::claims::Claims;
use super::error::ReadError;
use super::extent::Run;
use super::inode::Inode;
use super::patched::Patched;
use super::place::Place;
use super::superblock::Superblock;
use crate::fs::ext4::format::field::Le32;

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
        let block = u64::from(Le32(0).get(number));
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
                block: u64::from(Le32(0).get(number)),
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

#[cfg(test)]
mod tests {
    use super::super::made::{self, block, put32};

    /// What `runs` says about an inode with these numbers, and these in blocks.
    fn read(
        numbers: &[(usize, u32)],
        lists: &[(usize, &[(usize, u32)])],
    ) -> Result<Vec<(u64, u64, u64)>, String> {
        let mut i_block = [0; 60];
        for (index, number) in numbers {
            put32(&mut i_block, index * 4, *number);
        }
        let mut blocks = made::blocks();
        for (list, numbers) in lists {
            for (index, number) in *numbers {
                put32(block(&mut blocks, *list), index * 4, *number);
            }
        }
        let runs = made::runs(i_block, &blocks, &made::superblock(0, 0));
        let runs = runs.map_err(|error| error.to_string())?;
        Ok(runs
            .into_iter()
            .map(|run| (run.file_block, run.len, run.start))
            .collect())
    }

    #[test]
    fn neighbours_become_one_run_across_lists() {
        let lists: [(_, &[_]); 1] = [(40, &[(0, 23), (1, 30)])];
        let found = read(&[(10, 21), (11, 22), (12, 40)], &lists).unwrap();
        assert_eq!(found, [(10, 3, 21), (13, 1, 30)]);
    }

    #[test]
    fn lists_of_lists_number_the_blocks_behind_all_others() {
        let lists: [(_, &[_]); 5] = [
            (40, &[(1, 41)]),
            (41, &[(2, 50)]),
            (42, &[(1, 43)]),
            (43, &[(0, 44)]),
            (44, &[(255, 51)]),
        ];
        let found = read(&[(13, 40), (14, 42)], &lists).unwrap();
        let twice = 12 + 256 + 256 + 2;
        let thrice = 12 + 256 + 256 * 256 + 256 * 256 + 255;
        assert_eq!(found, [(twice, 1, 50), (thrice, 1, 51)]);
    }

    #[test]
    fn numbers_outside_the_filesystem_are_refused() {
        let refusal = "inode 12 points to block 64: expected 1 to 63".to_owned();
        assert_eq!(read(&[(0, 64)], &[]), Err(refusal.clone()));
        assert_eq!(read(&[(14, 64)], &[]), Err(refusal.clone()));
        assert_eq!(read(&[(12, 40)], &[(40, &[(9, 64)])]), Err(refusal));
    }

    #[test]
    fn lists_that_lead_back_into_themselves_end() {
        let refusal = "block 40 belongs to inode 12 and to inode 12".to_owned();
        assert_eq!(read(&[(12, 40)], &[(40, &[(0, 40)])]), Err(refusal.clone()));
        assert_eq!(read(&[(14, 40)], &[(40, &[(0, 40)])]), Err(refusal.clone()));
        let full: Vec<_> = (0..256).map(|index| (index, 40)).collect();
        assert_eq!(read(&[(14, 40)], &[(40, &full)]), Err(refusal));
        assert_eq!(
            read(&[(0, 20), (5, 20)], &[]),
            Err("block 20 belongs to inode 12 and to inode 12".to_owned())
        );
    }
}
