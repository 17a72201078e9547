//! Extended attributes: in the free part of an inode, and in one block of their own.

use super::sizes::{BLOCK_SIZE, EXTRA_ISIZE, INODE_SIZE};
use crate::fs::ext4::format::acl;
use crate::fs::ext4::format::checksum::Seed;
use crate::fs::ext4::format::field::low16;
use crate::fs::ext4::format::inode::OLD_SIZE;
use crate::fs::ext4::format::xattr::*;
use std::collections::BTreeMap;

/// Bytes of an inode behind its fields.
const IN_INODE: usize = INODE_SIZE - OLD_SIZE - EXTRA_ISIZE as usize;

/// Why the attributes of a node cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XattrError {
    /// A name that ext4 cannot store.
    #[error(
        "attribute `{}` has no known prefix: expected user., trusted., security. or a POSIX ACL, and up to 255 bytes behind it",
        .name.escape_ascii()
    )]
    Name {
        /// The attribute.
        name: Vec<u8>,
    },
    /// An access control list that the kernel would not take.
    #[error("attribute `{}` is no valid POSIX ACL of {len} bytes; set it again with setfacl", .name.escape_ascii())]
    Acl {
        /// The attribute.
        name: Vec<u8>,
        /// Length of its value.
        len: usize,
    },
    /// More attributes than an inode and a block hold.
    #[error(
        "attribute `{}` of {len} bytes does not fit: an inode and one block hold at most about 4 KiB of attributes",
        .name.escape_ascii()
    )]
    TooLarge {
        /// The first attribute that does not fit.
        name: Vec<u8>,
        /// Length of its value.
        len: usize,
    },
}

/// The attributes of one node, sorted as on the disk.
#[derive(Debug, Default)]
pub(super) struct Xattrs {
    in_inode: Vec<Attribute>,
    in_block: Vec<Attribute>,
}

/// One attribute. Attributes are sorted on the disk in the order of these fields.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attribute {
    index: u8,
    name_len: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Attribute {
    fn new(name: &[u8], value: &[u8], is_directory: bool) -> Result<Self, XattrError> {
        let bad_name = || XattrError::Name {
            name: name.to_vec(),
        };
        let (prefix, index) = PREFIXES
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .ok_or_else(bad_name)?;
        let is_acl = matches!(index, ACL_ACCESS | ACL_DEFAULT);
        let rest = &name[prefix.len()..];
        let name_len = u8::try_from(rest.len()).map_err(|_| bad_name())?;
        if rest.is_empty() != is_acl || rest.contains(&0) {
            return Err(bad_name());
        }
        let value = if is_acl {
            let bad_acl = || XattrError::Acl {
                name: name.to_vec(),
                len: value.len(),
            };
            // Only directories have a list that new entries inherit.
            let in_place = index == ACL_ACCESS || is_directory;
            acl::to_disk(value)
                .filter(|_| in_place)
                .ok_or_else(bad_acl)?
        } else {
            value.to_vec()
        };
        Ok(Self {
            index,
            name_len,
            name: rest.to_vec(),
            value,
        })
    }

    fn entry_len(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4)
    }

    fn value_len(&self) -> usize {
        self.value.len().next_multiple_of(4)
    }

    fn len(&self) -> usize {
        self.entry_len() + self.value_len()
    }

    /// `ext4_xattr_hash_entry`: over the name, then over the value in words.
    fn hash(&self) -> u32 {
        let name = self
            .name
            .iter()
            .fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        let mut value = self.value.clone();
        value.resize(self.value_len(), 0);
        value.chunks_exact(4).fold(name, |hash, word| {
            hash.rotate_left(16) ^ u32::from_le_bytes(word.try_into().expect("chunks of 4"))
        })
    }
}

impl Xattrs {
    /// Puts every attribute, in the order of names, into the inode if it fits, else into the block.
    pub(super) fn new(
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
        is_directory: bool,
    ) -> Result<Self, XattrError> {
        // Magic number and end mark, or header and end mark, take room too.
        let mut inode_room = IN_INODE - 4 - 4;
        let mut block_room = BLOCK_SIZE - HEADER - 4;
        let mut all = Self::default();
        for (name, value) in xattrs {
            let attribute = Attribute::new(name, value, is_directory)?;
            let len = attribute.len();
            let (room, attributes) = match len <= inode_room {
                true => (&mut inode_room, &mut all.in_inode),
                false => (&mut block_room, &mut all.in_block),
            };
            let too_large = || XattrError::TooLarge {
                name: name.clone(),
                len: value.len(),
            };
            *room = room.checked_sub(len).ok_or_else(too_large)?;
            attributes.push(attribute);
        }
        all.in_inode.sort();
        all.in_block.sort();
        Ok(all)
    }

    /// Removes and returns the attributes that need a block.
    pub(super) fn take_in_block(&mut self) -> Vec<Attribute> {
        std::mem::take(&mut self.in_block)
    }

    /// Fills the part of an inode behind its fields.
    pub(super) fn write_inode(&self, free_part: &mut [u8]) {
        if self.in_inode.is_empty() {
            return;
        }
        H_MAGIC.put(free_part, MAGIC);
        // Offsets of values count from behind the magic number; hashes are not kept in inodes.
        write_entries(&self.in_inode, &mut free_part[4..], 0, |_| 0);
    }
}

/// `ext4_xattr_rehash`: a block with an entry without a hash is never shared.
pub(super) fn block_hash(attributes: &[Attribute]) -> u32 {
    let hashes: Vec<u32> = attributes.iter().map(Attribute::hash).collect();
    if hashes.contains(&0) {
        return 0;
    }
    hashes
        .into_iter()
        .fold(0, |sum, hash: u32| sum.rotate_left(16) ^ hash)
}

/// Block number `block` with `attributes`, which `n_inodes` inodes have.
pub(super) fn write_block(
    attributes: &[Attribute],
    n_inodes: u32,
    block: u64,
    seed: Option<Seed>,
) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK_SIZE];
    write_entries(attributes, &mut bytes, HEADER, Attribute::hash);
    H_MAGIC.put(&mut bytes, MAGIC);
    H_REFCOUNT.put(&mut bytes, n_inodes);
    H_BLOCKS.put(&mut bytes, 1);
    H_HASH.put(&mut bytes, block_hash(attributes));
    if let Some(seed) = seed {
        let sum = block_checksum(seed, block, &bytes);
        H_CHECKSUM.put(&mut bytes, sum);
    }
    bytes
}

/// Writes entries from `at` upwards and values from the end downwards.
fn write_entries(
    attributes: &[Attribute],
    space: &mut [u8],
    mut at: usize,
    hash: fn(&Attribute) -> u32,
) {
    let mut values = space.len();
    for attribute in attributes {
        values -= attribute.value_len();
        // An empty value has offset 0.
        let offset = if attribute.value.is_empty() {
            0
        } else {
            values
        };
        let number = |number| u32::try_from(number).expect("within a block");
        let entry = &mut space[at..];
        entry[E_NAME_LEN] = attribute.name_len;
        entry[E_NAME_INDEX] = attribute.index;
        E_VALUE_OFFS.put(entry, low16(number(offset)));
        E_VALUE_SIZE.put(entry, number(attribute.value.len()));
        E_HASH.put(entry, hash(attribute));
        entry[ENTRY..][..attribute.name.len()].copy_from_slice(&attribute.name);
        space[values..][..attribute.value.len()].copy_from_slice(&attribute.value);
        at += attribute.entry_len();
    }
}
