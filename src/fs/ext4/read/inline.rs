//! Content that stands in the inode itself: in the 60 bytes of `i_block`, then in the value of the
//! attribute `system.data`, which takes the rest of the inode.

use super::error::Corrupt;
use super::file;
use super::inode::Inode;
use crate::tree::{Content, Piece};

/// Where the entries of a directory begin in `i_block`: behind the number of its parent.
pub(super) const ENTRIES: usize = 4;

/// Returns the content of the regular file `inode`; `rest` is the part in its attribute. A file
/// that is longer than this room ends in a hole, as for the kernel; mke2fs makes such files that
/// are only a hole.
pub(super) fn content(inode: &Inode, rest: &[u8], block_size: u64) -> Result<Content, Corrupt> {
    file::check_size(inode, block_size)?;
    let bytes = [&inode.i_block, rest].concat();
    let bytes = Content::inline(&bytes).head(inode.size);
    let hole = Piece::Hole(inode.size - bytes.len());
    Ok(Content::from_pieces(bytes.pieces().chain([hole])))
}

/// The target of the symlink `inode`, which has no holes.
pub(super) fn target(inode: &Inode, rest: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut target = [&inode.i_block, rest].concat();
    let (ino, size, room) = (inode.ino, inode.size, target.len());
    let len = usize::try_from(size).ok().filter(|len| *len <= room);
    target.truncate(len.ok_or(Corrupt::InlineSize { ino, size, room })?);
    Ok(target)
}
