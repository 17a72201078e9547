//! Extended attributes: in an inode, in a block that inodes may share, and with values in other
//! inodes.

#[cfg(test)]
mod tests;

use super::error::{Corrupt, ReadError, Unsupported};
use super::inode::Inode;
use super::place::Place;
use super::volume::Volume;
use crate::fs::ext4::format::acl;
use crate::fs::ext4::format::feature;
use crate::fs::ext4::format::field::Le32;
use crate::fs::ext4::format::inode::S_IFREG;
use crate::fs::ext4::format::xattr::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name index and name of `system.data`, which has the end of inline content.
const INLINE: (u8, &[u8]) = (7, b"data");

/// The attributes of an inode.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// By full name, with values as the kernel's xattr calls give them.
    pub(super) named: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The content of an inline file behind the first 60 bytes.
    pub(super) inline: Vec<u8>,
}

/// An attribute as it is stored.
#[derive(Debug)]
struct Raw {
    index: u8,
    name: Vec<u8>,
    value: Value,
    /// First byte of the entry.
    at: usize,
}

#[derive(Debug)]
enum Value {
    Here(Vec<u8>),
    Inode { ino: u32, size: u32 },
}

/// The attributes that were read. Shared ones are read once.
#[derive(Debug, Default)]
pub(super) struct Xattrs {
    blocks: BTreeMap<u64, Arc<[Raw]>>,
    values: BTreeMap<u32, Arc<[u8]>>,
    /// Bytes of all attributes outside of inodes, counted each time that they are used.
    n_bytes: u64,
}

impl Xattrs {
    /// All attributes of `inode`.
    pub(super) fn of(
        &mut self,
        inode: &Inode,
        volume: &mut Volume<'_>,
    ) -> Result<Attributes, ReadError> {
        let mut attributes = Attributes::default();
        let what = Place::Inode(inode.ino);
        // Offsets of values count from behind the magic number.
        if inode.rest.len() >= 4 && H_MAGIC.get(&inode.rest) == MAGIC {
            for raw in Space::entries(what, &inode.rest[4..], 0)? {
                self.add(&mut attributes, inode, what, &raw, volume)?;
            }
        }
        if inode.file_acl != 0 {
            let what = Place::XattrBlock(inode.file_acl);
            for raw in self.block(inode, volume)?.iter() {
                if let Value::Here(value) = &raw.value {
                    self.count(value.len() + raw.name.len(), volume)?;
                }
                self.add(&mut attributes, inode, what, raw, volume)?;
            }
        }
        Ok(attributes)
    }

    fn add(
        &mut self,
        to: &mut Attributes,
        inode: &Inode,
        what: Place,
        raw: &Raw,
        volume: &mut Volume<'_>,
    ) -> Result<(), ReadError> {
        let value = match &raw.value {
            Value::Here(value) => value.clone(),
            Value::Inode { ino, size } => {
                let value = self.value(what, raw.at, *ino, *size, volume)?;
                self.count(value.len(), volume)?;
                value.to_vec()
            }
        };
        if (raw.index, raw.name.as_slice()) == INLINE {
            to.inline = value;
            return Ok(());
        }
        let (name, is_acl) = full_name(inode.ino, raw)?;
        let fits = raw.name.is_empty() == is_acl && !raw.name.contains(&0);
        if !fits {
            let expected = "a name without NUL behind the prefix; none for an ACL";
            return Err(unfit(what, raw.at, "e_name_len", raw.name.len(), expected).into());
        }
        let value = match is_acl {
            false => value,
            true => acl::from_disk(&value).ok_or(Corrupt::Acl {
                ino: inode.ino,
                len: value.len(),
            })?,
        };
        match to.named.insert(name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(Corrupt::DuplicateXattr {
                ino: inode.ino,
                name,
            }
            .into()),
        }
    }

    /// The attributes in the block of `inode`.
    fn block(&mut self, inode: &Inode, volume: &mut Volume<'_>) -> Result<Arc<[Raw]>, ReadError> {
        let block = inode.file_acl;
        if let Some(read) = self.blocks.get(&block) {
            return Ok(read.clone());
        }
        let what = Place::XattrBlock(block);
        volume
            .superblock
            .check_blocks(Place::Inode(inode.ino), block, 1)?;
        volume.claims.claim(block, 1, what)?;
        let bytes = volume.read_blocks(block, 1)?;
        for (field, name, value, expected) in [
            (H_MAGIC, "h_magic", MAGIC, "0xea020000"),
            (H_BLOCKS, "h_blocks", 1, "1"),
        ] {
            let found = field.get(&bytes);
            if found != value {
                return Err(unfit(what, 0, name, found as usize, expected).into());
            }
        }
        if let Some(seed) = volume.superblock.seed {
            let found = H_CHECKSUM.get(&bytes);
            what.verify(found, block_checksum(seed, block, &bytes))?;
        }
        let read: Arc<[Raw]> = Space::entries(what, &bytes, HEADER)?.into();
        self.blocks.insert(block, read.clone());
        Ok(read)
    }

    /// The value that inode `ino` holds.
    fn value(
        &mut self,
        what: Place,
        at: usize,
        ino: u32,
        size: u32,
        volume: &mut Volume<'_>,
    ) -> Result<Arc<[u8]>, ReadError> {
        let wrong = |found, expected| unfit(what, at, "e_value_inum", found, expected);
        if !volume.superblock.features.has(feature::EA_INODE) {
            return Err(wrong(ino as usize, "0 without the feature ea_inode").into());
        }
        if let Some(value) = self.values.get(&ino) {
            let expected = "the size of its inode";
            return match value.len() == size as usize {
                true => Ok(value.clone()),
                false => Err(unfit(what, at, "e_value_size", size as usize, expected).into()),
            };
        }
        volume.superblock.check_inode(what, ino)?;
        let inode = volume.inode(ino)?;
        let inode = inode
            .filter(|inode| {
                inode.is_value()
                    && inode.file_type() == S_IFREG
                    && !inode.is_inline()
                    && inode.size == u64::from(size)
            })
            .ok_or_else(|| wrong(ino as usize, "an inode for values, of the value's size"))?;
        let value: Arc<[u8]> = volume.content(&inode, "the value of an attribute")?.into();
        let seed = volume.superblock.value_seed;
        Place::Inode(ino).verify(inode.value_hash, seed.over(&[&value]))?;
        self.values.insert(ino, value.clone());
        Ok(value)
    }

    /// Counts `n_bytes`. Shared attributes can take much more memory than space on disk;
    /// filesystems with a block for each inode do not reach this bound.
    fn count(&mut self, n_bytes: usize, volume: &Volume<'_>) -> Result<(), Unsupported> {
        let limit = volume.superblock.n_bytes();
        self.n_bytes = self.n_bytes.saturating_add(n_bytes as u64);
        match self.n_bytes > limit {
            true => Err(Unsupported::XattrBytes { limit }),
            false => Ok(()),
        }
    }
}

/// The name with its prefix, and whether it is an access control list.
fn full_name(ino: u32, raw: &Raw) -> Result<(Vec<u8>, bool), Unsupported> {
    let index = raw.index;
    let prefix = PREFIXES.into_iter().find(|(_, known)| *known == index);
    let (prefix, _) = prefix.ok_or(Unsupported::XattrIndex { ino, index })?;
    let is_acl = matches!(index, ACL_ACCESS | ACL_DEFAULT);
    Ok(([prefix, &raw.name].concat(), is_acl))
}

/// An inode's or a block's room for attributes.
struct Space<'a> {
    what: Place,
    bytes: &'a [u8],
    /// Bytes that no entry and no value has taken yet. As values do not overlap, all together are
    /// shorter than the room.
    left: usize,
}

impl<'a> Space<'a> {
    /// The entries from `at` on, up to the four zeros behind the last.
    fn entries(what: Place, bytes: &'a [u8], mut at: usize) -> Result<Vec<Raw>, Corrupt> {
        let left = bytes.len() - at;
        let mut space = Self { what, bytes, left };
        let mut entries = Vec::new();
        while let Some(entry) = space.entry(at)? {
            entries.push(Raw {
                index: entry[E_NAME_INDEX],
                name: entry[ENTRY..][..usize::from(entry[E_NAME_LEN])].to_vec(),
                value: space.value(at, entry)?,
                at,
            });
            at += entry.len();
        }
        Ok(entries)
    }

    /// The entry at byte `at` with its name; `None` at the end.
    fn entry(&self, at: usize) -> Result<Option<&'a [u8]>, Corrupt> {
        let rest = &self.bytes[at..];
        let unfit = |found, expected| unfit(self.what, at, "e_name_len", found, expected);
        if rest.len() < 4 {
            return Err(unfit(rest.len(), "an end mark of 4 bytes"));
        }
        if Le32(0).get(rest) == 0 {
            return Ok(None);
        }
        let name_len = usize::from(rest[E_NAME_LEN]);
        match rest.get(..(ENTRY + name_len).next_multiple_of(4)) {
            Some(entry) => Ok(Some(entry)),
            None => Err(unfit(name_len, "a name within the inode or block")),
        }
    }

    /// The value of `entry`, which stands at byte `at`.
    fn value(&mut self, at: usize, entry: &[u8]) -> Result<Value, Corrupt> {
        let (ino, size) = (E_VALUE_INUM.get(entry), E_VALUE_SIZE.get(entry));
        if ino != 0 {
            return Ok(Value::Inode { ino, size });
        }
        let len = size as usize;
        // An empty value has no place.
        let offset = if len == 0 {
            0
        } else {
            usize::from(E_VALUE_OFFS.get(entry))
        };
        let end = offset.checked_add(len);
        let value = end.and_then(|end| self.bytes.get(offset..end));
        let padded = len.checked_next_multiple_of(4);
        let taken = padded.and_then(|padded| padded.checked_add(entry.len()));
        let left = taken.and_then(|taken| self.left.checked_sub(taken));
        let expected = "a value within the inode or block, beside the others";
        let sound = value.zip(left);
        let (value, left) =
            sound.ok_or_else(|| unfit(self.what, at, "e_value_size", len, expected))?;
        self.left = left;
        Ok(Value::Here(value.to_vec()))
    }
}

fn unfit(
    what: Place,
    at: usize,
    field: &'static str,
    found: usize,
    expected: &'static str,
) -> Corrupt {
    Corrupt::Xattr {
        what,
        at,
        field,
        found: found as u64,
        expected,
    }
}
