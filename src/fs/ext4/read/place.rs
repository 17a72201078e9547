//! What part of a filesystem an error is about, in words.

use std::fmt;

/// What part of a filesystem an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The superblock.
    Superblock,
    /// The tables of the filesystem itself.
    Tables,
    /// The descriptor of a group.
    Descriptor(u32),
    /// An inode.
    Inode(u32),
    /// A block of extents, indirection or a directory.
    Block {
        /// The inode that owns it.
        ino: u32,
        /// Number in the filesystem.
        block: u64,
    },
    /// A block of extended attributes.
    XattrBlock(u64),
    /// The journal.
    Journal,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock => f.write_str("the superblock"),
            Self::Tables => f.write_str("the filesystem's own tables"),
            Self::Descriptor(group) => write!(f, "the descriptor of group {group}"),
            Self::Inode(ino) => write!(f, "inode {ino}"),
            Self::Block { ino, block } => write!(f, "block {block} of inode {ino}"),
            Self::XattrBlock(block) => write!(f, "attribute block {block}"),
            Self::Journal => f.write_str("the journal"),
        }
    }
}
