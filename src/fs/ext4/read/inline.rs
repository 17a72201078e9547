//! Content that stands in the inode itself: the 60 bytes of `i_block`, then the value of an attribute
//! without a user's name, which takes what is left of the inode.

use super::error::Corrupt;
use super::file;
use super::inode::Inode;
use crate::tree::{Content, Piece};

/// Where the entries of a directory begin in `i_block`: behind the number of its parent.
pub(super) const ENTRIES: usize = 4;

/// The content of the regular file `inode`; `rest` is the part among its attributes. What is longer
/// than its room ends in a hole: as for the kernel, and mke2fs makes such files of nothing but hole.
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
