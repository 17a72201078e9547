//! Parameters that make a filesystem like another one, and what differs nevertheless.

use super::read::{Filesystem, ReadError, Superblock};
use super::write::params::{
    Features, LEAST_BYTES_PER_INODE, LEAST_JOURNAL, MOST_RESERVED_PERCENT, Params,
};
use super::write::sizes::{BLOCK_BYTES, BLOCK_SIZE, INODE_SIZE};
use crate::epoch::Epoch;
use crate::fs::ext4::format::feature::{self, Feature};
use crate::fs::ext4::format::superblock::DEFAULT_MOUNT_OPTIONS;
use std::fmt;

/// What says how a filesystem was left, not what it is like.
const STATES: [Feature; 2] = [feature::NEEDS_RECOVERY, feature::ORPHAN_PRESENT];

/// Something of a base that a filesystem made like it has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A feature that is not written. Where checksums started at a stored seed
    /// (`metadata_csum_seed`), they start at the one that the UUID gives.
    Without(Feature),
    /// A feature that all filesystems of ours have.
    With(Feature),
    /// Bytes of its blocks; ours have 4096.
    BlockSize(u32),
    /// Bytes of its inodes; ours have 256.
    InodeSize(u16),
    /// Blocks of 4096 bytes that its journal has, fewer than any kernel takes.
    Journal(u64),
    /// Bytes for each of its inodes, fewer than there can be.
    BytesPerInode(u64),
    /// Percent of it that only root may use, more than there can be.
    ReservedPercent(u8),
    /// `s_default_mount_opts`, which are `user_xattr` and `acl` in ours.
    MountOptions(u32),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Without(feature) => write!(f, "without the base's feature `{feature}`"),
            Self::With(feature) => write!(f, "with the feature `{feature}`, which the base lacks"),
            Self::BlockSize(bytes) => {
                write!(
                    f,
                    "blocks of {BLOCK_SIZE} bytes, where the base has {bytes}"
                )
            }
            Self::InodeSize(bytes) => {
                write!(
                    f,
                    "inodes of {INODE_SIZE} bytes, where the base has {bytes}"
                )
            }
            Self::Journal(blocks) => {
                write!(
                    f,
                    "a journal of {LEAST_JOURNAL} blocks, where the base has {blocks}"
                )
            }
            Self::BytesPerInode(bytes) => write!(
                f,
                "an inode for {LEAST_BYTES_PER_INODE} bytes, where the base has one for {bytes}"
            ),
            Self::ReservedPercent(percent) => write!(
                f,
                "{MOST_RESERVED_PERCENT} percent reserved for root, where the base has {percent}"
            ),
            Self::MountOptions(options) => write!(
                f,
                "user_xattr and acl as mount options, where the base has {options:#x}"
            ),
        }
    }
}

impl Params {
    /// Parameters for a filesystem of `len` bytes, made at `epoch`, that is like `base`: with its
    /// UUID, label, hash seed, reserved percentage, inode ratio, journal length, and those of
    /// its features that [`Features`] names. What differs is told, in no order of weight.
    pub fn like(
        base: &Filesystem<'_>,
        len: u64,
        epoch: Epoch,
    ) -> Result<(Self, Vec<Difference>), ReadError> {
        let superblock = base.superblock();
        let has = |feature| superblock.features.has(feature);
        let journal = base
            .journal_blocks()?
            .map(|blocks| blocks.saturating_mul(u64::from(superblock.block_size)) / BLOCK_BYTES);
        let journal_blocks = journal.map(|blocks| u32::try_from(blocks).unwrap_or(u32::MAX));
        let params = Self {
            label: superblock.label.clone(),
            features: Features {
                metadata_csum: has(feature::METADATA_CSUM),
                sixty_four_bit: has(feature::SIXTY_FOUR_BIT),
                huge_file: has(feature::HUGE_FILE),
                journal_blocks: journal_blocks.map(|blocks| blocks.max(LEAST_JOURNAL)),
            },
            reserved_percent: superblock.reserved_percent().min(MOST_RESERVED_PERCENT),
            bytes_per_inode: superblock.bytes_per_inode().max(LEAST_BYTES_PER_INODE),
            ..Self::new(len, superblock.uuid, superblock.hash_seed, epoch)
        };
        let differences = differences(superblock, journal, params.features);
        Ok((params, differences))
    }
}

/// What a filesystem with `features` has otherwise than the one of `superblock`, whose journal would
/// have `journal` blocks of ours.
fn differences(
    superblock: &Superblock,
    journal: Option<u64>,
    features: Features,
) -> Vec<Difference> {
    let has = |feature| superblock.features.has(feature);
    let written = features.set();
    let mut differences: Vec<Difference> = superblock
        .features
        .iter()
        .filter(|feature| !written.has(*feature) && !STATES.contains(feature))
        .map(Difference::Without)
        .collect();
    let added = written.iter().filter(|feature| !has(*feature));
    differences.extend(added.map(Difference::With));
    let mut tell = |differs: bool, difference| differs.then(|| differences.push(difference));
    let (block_size, inode_size) = (superblock.block_size, superblock.inode_size);
    tell(
        u64::from(block_size) != BLOCK_BYTES,
        Difference::BlockSize(block_size),
    );
    tell(
        usize::from(inode_size) != INODE_SIZE,
        Difference::InodeSize(inode_size),
    );
    if let Some(blocks) = journal {
        tell(blocks < LEAST_JOURNAL.into(), Difference::Journal(blocks));
    }
    let (bytes, percent) = (superblock.bytes_per_inode(), superblock.reserved_percent());
    tell(
        bytes < LEAST_BYTES_PER_INODE,
        Difference::BytesPerInode(bytes),
    );
    tell(
        percent > MOST_RESERVED_PERCENT,
        Difference::ReservedPercent(percent),
    );
    let options = superblock.default_mount_options;
    tell(
        options != DEFAULT_MOUNT_OPTIONS,
        Difference::MountOptions(options),
    );
    differences
}
