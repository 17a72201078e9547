//! What a file holds: its runs, as bytes in memory, as a device, or as pieces of a stored object.

use super::claims::Claims;
use super::error::ReadError;
use super::extent::{self, Run};
use super::indirect;
use super::inode::Inode;
use super::patched::Patched;
use super::superblock::Superblock;
use crate::disk::device::Device;
use std::io;

/// The runs of `inode` in the order of the file, all within the filesystem and claimed. It is not
/// inline.
pub(super) fn runs(
    inode: &Inode,
    device: &Patched<'_>,
    superblock: &Superblock,
    claims: &mut Claims,
) -> Result<Vec<Run>, ReadError> {
    let runs = match inode.has_extents() {
        true => extent::runs,
        false => indirect::runs,
    };
    runs(inode, device, superblock, claims)
}

/// A file of the filesystem as a device. What no run covers is zeros.
pub(super) struct FileView<'a> {
    pub(super) device: &'a Patched<'a>,
    pub(super) block_size: u64,
    pub(super) runs: Vec<Run>,
    pub(super) len: u64,
}

impl Device for FileView<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        let end = end
            .filter(|end| *end <= self.len)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.fill(0);
        let first = self
            .runs
            .partition_point(|run| (run.file_block + run.len) * self.block_size <= offset);
        for run in self.runs[first..].iter().filter(|run| run.is_written) {
            let run_start = run.file_block * self.block_size;
            if run_start >= end {
                break;
            }
            let from = run_start.max(offset);
            let to = ((run.file_block + run.len) * self.block_size).min(end);
            let index = |at: u64| usize::try_from(at - offset).expect("it is in memory");
            let place = run.start * self.block_size + (from - run_start);
            self.device
                .read_at(place, &mut into[index(from)..index(to)])?;
        }
        Ok(())
    }
}
