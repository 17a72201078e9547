//! What each byte of a filesystem belongs to: a table, an inode and its field, or a part of a file.

use super::claims::Claims;
use super::error::ReadError;
use super::filesystem::Filesystem;
use super::group::superblock_copies;
use super::place::Place;
use crate::digest::Sha256;
use crate::fs::ext4::format::inode::{JOURNAL_INO, OLD_SIZE, RESIZE_INO};
use crate::fs::ext4::format::names::{self, NamedField};
use crate::fs::ext4::format::superblock::{OFFSET, SIZE};
use crate::fs::spot::{Field, Spot};
use crate::tree::{Kind, NodeId, Piece, Slice, Tree, TreePath};
use std::collections::BTreeMap;
use std::ops::Range;

/// The bytes of an inode behind the fields that have names.
const ATTRIBUTES: usize = OLD_SIZE + 32;

/// A filesystem whose files were all found, so that the owner of each byte is known.
pub struct Survey<'a> {
    filesystem: &'a Filesystem<'a>,
    claims: Claims,
    tree: Tree,
    /// The node of each inode that has a name.
    nodes: BTreeMap<u32, NodeId>,
    /// The first path of each node.
    paths: BTreeMap<NodeId, TreePath>,
}

impl<'a> Filesystem<'a> {
    /// Finds the owner of each byte.
    ///
    /// # Errors
    /// Fails if the device cannot be read, or if the filesystem is damaged or beyond this reader.
    pub fn survey(&'a self) -> Result<Survey<'a>, ReadError> {
        // No object is read. Slices of it have the offsets of the device.
        let place = Slice {
            object: Sha256::of(b""),
            offset: 0,
            len: self.superblock.n_bytes(),
        };
        let mut walk = self.walk(&place)?;
        if let Some(journal) = self.journal_inode()? {
            walk.volume.runs(&journal)?;
        }
        let nodes = walk.seen.iter().map(|(ino, seen)| (*ino, seen.id));
        let nodes = nodes.collect();
        let mut paths = BTreeMap::new();
        for (path, id) in walk.tree.walk() {
            paths.entry(id).or_insert(path);
        }
        Ok(Survey {
            filesystem: self,
            claims: walk.volume.claims,
            tree: walk.tree,
            nodes,
            paths,
        })
    }
}

impl Survey<'_> {
    /// What the byte at `offset` of the filesystem is.
    pub fn spot(&self, offset: u64) -> Spot {
        let superblock = &self.filesystem.superblock;
        let block_size = u64::from(superblock.block_size);
        let end = superblock.n_bytes();
        if offset >= end {
            return Spot::of_filesystem("space behind the filesystem", end..u64::MAX, 0);
        }
        if offset < OFFSET {
            return Spot::of_filesystem("room for a boot loader", 0..OFFSET, 0);
        }
        let block = offset / block_size;
        let (owner, blocks) = self.claims.at(block);
        let bytes = blocks.start.saturating_mul(block_size)..blocks.end.saturating_mul(block_size);
        match owner {
            Some(Place::Inode(ino)) => self.blocks_of(ino, offset, bytes),
            Some(Place::Tables) => self.table(offset, bytes),
            Some(Place::XattrBlock(_)) => {
                Spot::of_filesystem("a block of extended attributes", bytes, 0)
            }
            Some(_) => Spot::of_filesystem("the filesystem's own data", bytes, 0),
            None => {
                Spot::of_filesystem("space that no file has", bytes.start..bytes.end.min(end), 0)
            }
        }
    }

    fn path(&self, ino: u32) -> Option<&TreePath> {
        self.paths.get(self.nodes.get(&ino)?)
    }

    /// A byte in the blocks `bytes` of inode `ino`.
    fn blocks_of(&self, ino: u32, offset: u64, bytes: Range<u64>) -> Spot {
        if ino == JOURNAL_INO {
            return Spot::of_filesystem("journal", bytes, 0);
        }
        let block_size = u64::from(self.filesystem.superblock.block_size);
        let kind = self.nodes.get(&ino).map(|id| &self.tree.node(*id).kind);
        let spot = match kind {
            Some(Kind::Directory(_)) => Spot::of_filesystem("entries", bytes, 0),
            Some(Kind::Symlink(_)) => Spot::of_filesystem("target", bytes, 0),
            Some(Kind::File(content)) => {
                let mut at = 0;
                let found = content.pieces().find_map(|piece| {
                    let from = at;
                    at += piece.len();
                    match piece {
                        Piece::Stored(slice) => {
                            let range = slice.offset..slice.offset + slice.len;
                            range.contains(&offset).then_some((range, from))
                        }
                        Piece::Bytes(_) | Piece::Hole(_) => None,
                    }
                });
                match found {
                    Some((range, from)) => Spot::of_filesystem("content", range, from),
                    // A part of the content begins with a block.
                    None => Spot::of_filesystem(
                        "list of blocks, or room behind its end",
                        offset..(offset / block_size + 1) * block_size,
                        offset - bytes.start,
                    ),
                }
            }
            _ => Spot::of_filesystem(format!("blocks of inode {ino}"), bytes, 0),
        };
        spot.of(self.path(ino))
    }

    /// A byte in the filesystem's own tables, which have the blocks `bytes`.
    fn table(&self, offset: u64, bytes: Range<u64>) -> Spot {
        let superblock = &self.filesystem.superblock;
        let block_size = u64::from(superblock.block_size);
        for (number, group) in (0_u32..).zip(&self.filesystem.groups) {
            let start = group.inode_table * block_size;
            let table = start..start + superblock.inode_table_blocks() * block_size;
            if table.contains(&offset) {
                return self.inode(number, offset, &table);
            }
            let bitmaps = [
                ("block bitmap", group.block_bitmap),
                ("inode bitmap", group.inode_bitmap),
            ];
            for (name, block) in bitmaps {
                if block == offset / block_size {
                    let start = block * block_size;
                    let part = format!("{name} of group {number}");
                    return Spot::of_filesystem(part, start..start + block_size, 0);
                }
            }
        }
        self.superblock_copy(offset, bytes)
    }

    /// A byte of a superblock, or of the descriptors behind it.
    fn superblock_copy(&self, offset: u64, bytes: Range<u64>) -> Spot {
        let superblock = &self.filesystem.superblock;
        let block_size = u64::from(superblock.block_size);
        let block = offset / block_size;
        let copies = superblock_copies(superblock);
        let copy = copies.iter().find(|(start, _)| *start == block);
        let Some((first, _)) = copy else {
            return Spot::of_filesystem("group descriptors", bytes, 0);
        };
        // Only the first one stands behind the room for a boot loader.
        let is_first = *first == OFFSET / block_size;
        let start = if is_first { OFFSET } else { first * block_size };
        let name = match is_first {
            true => "superblock".to_owned(),
            false => format!("backup superblock in block {block}"),
        };
        let end = start + SIZE as u64;
        if offset >= end {
            let behind = end..(block + 1) * block_size;
            return Spot::of_filesystem(format!("room behind the {name}"), behind, 0);
        }
        field(&names::SUPERBLOCK, start..end, offset, |part| {
            format!("{name}: {part}")
        })
    }

    /// A byte in the inode table `table` of group `group`.
    fn inode(&self, group: u32, offset: u64, table: &Range<u64>) -> Spot {
        let superblock = &self.filesystem.superblock;
        let size = u64::from(superblock.inode_size);
        let index = (offset - table.start) / size;
        let start = table.start + index * size;
        let Some(ino) = u32::try_from(index)
            .ok()
            .filter(|index| *index < superblock.inodes_per_group)
            .and_then(|index| {
                group
                    .checked_mul(superblock.inodes_per_group)?
                    .checked_add(index + 1)
            })
        else {
            return Spot::of_filesystem("room behind the inodes", offset..table.end, 0);
        };
        let path = self.path(ino);
        let owner = match (path, ino) {
            (Some(_), _) => String::new(),
            (None, JOURNAL_INO) => "journal inode: ".to_owned(),
            (None, RESIZE_INO) => "resize inode: ".to_owned(),
            (None, _) => format!("inode {ino}, which no file has: "),
        };
        let at = offset - start;
        if at >= ATTRIBUTES as u64 {
            let range = start + ATTRIBUTES as u64..start + size;
            return Spot::of_filesystem(format!("{owner}extended attributes"), range, 0).of(path);
        }
        let end = start + size.min(ATTRIBUTES as u64);
        field(&names::INODE, start..end, offset, |part| {
            format!("{owner}{part}")
        })
        .of(path)
    }
}

/// The byte at `offset` in a record with `fields` that lies at `record`; `name` gives the name of a part of it.
fn field(
    fields: &'static [NamedField],
    record: Range<u64>,
    offset: u64,
    name: impl Fn(&str) -> String,
) -> Spot {
    let at = usize::try_from(offset - record.start).expect("a record is small");
    let place =
        |range: &Range<usize>| record.start + range.start as u64..record.start + range.end as u64;
    let Some(((part, ranges, form), range)) = names::find(fields, at) else {
        return Spot::of_filesystem(
            name("another field"),
            offset..offset + 1,
            offset - record.start,
        );
    };
    let spot = Spot::of_filesystem(name(part), place(&range), 0);
    let fits = |range: &Range<u64>| range.end <= record.end;
    match form {
        Some(form) => spot.with(Field {
            ranges: ranges.iter().map(place).filter(fits).collect(),
            form: *form,
        }),
        None => spot,
    }
}
