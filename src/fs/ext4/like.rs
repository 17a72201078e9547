//! Parameters cloned from a filesystem, and the differences that remain.

use super::read::{Filesystem, ReadError, Superblock};
use super::write::params::{
    Features, LEAST_BYTES_PER_INODE, LEAST_JOURNAL, MOST_RESERVED_PERCENT, Params,
};
use super::write::sizes::{BLOCK_BYTES, BLOCK_SIZE, INODE_SIZE};
use crate::epoch::Epoch;
use crate::fs::ext4::format::feature::{self, Feature};
use crate::fs::ext4::format::superblock::DEFAULT_MOUNT_OPTIONS;
use std::fmt;

/// Features that say in what state a filesystem was left, not what it is like.
const STATES: [Feature; 2] = [feature::NEEDS_RECOVERY, feature::ORPHAN_PRESENT];

/// A property in which a filesystem differs from the base that it is made like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A feature of the base that imgbuild does not write. Without `metadata_csum_seed`, checksums
    /// start at the seed that the UUID gives.
    Without(Feature),
    /// A feature that the base lacks and imgbuild always writes.
    With(Feature),
    /// Bytes of the base's blocks; imgbuild writes blocks of 4096.
    BlockSize(u32),
    /// Bytes of the base's inodes; imgbuild writes inodes of 256.
    InodeSize(u16),
    /// Blocks of 4096 bytes in the base's journal, which are fewer than any kernel takes.
    Journal(u64),
    /// Bytes for each inode of the base, which are too few for a filesystem of imgbuild.
    BytesPerInode(u64),
    /// Percentage of the base that only root may use, which is too large for imgbuild.
    ReservedPercent(u8),
    /// `s_default_mount_opts` of the base; imgbuild writes `user_xattr` and `acl`.
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
    /// its features that [`Features`] has. The second value lists the differences that remain.
    ///
    /// # Errors
    /// Fails if the inode of the base's journal cannot be read.
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

/// The differences between a filesystem with `features` and the one of `superblock`, whose journal
/// has room for `journal` blocks of 4096 bytes.
fn differences(
    superblock: &Superblock,
    journal: Option<u64>,
    features: Features,
) -> Vec<Difference> {
    let written = features.set();
    let without = superblock.features.iter();
    let without = without.filter(|feature| !written.has(*feature) && !STATES.contains(feature));
    let with = written
        .iter()
        .filter(|feature| !superblock.features.has(*feature));
    let journal = journal.unwrap_or(LEAST_JOURNAL.into());
    let bytes_per_inode = superblock.bytes_per_inode();
    let (percent, options) = (
        superblock.reserved_percent(),
        superblock.default_mount_options,
    );
    let (block_size, inode_size) = (superblock.block_size, superblock.inode_size);
    let others = [
        (
            u64::from(block_size) != BLOCK_BYTES,
            Difference::BlockSize(block_size),
        ),
        (
            usize::from(inode_size) != INODE_SIZE,
            Difference::InodeSize(inode_size),
        ),
        (journal < LEAST_JOURNAL.into(), Difference::Journal(journal)),
        (
            bytes_per_inode < LEAST_BYTES_PER_INODE,
            Difference::BytesPerInode(bytes_per_inode),
        ),
        (
            percent > MOST_RESERVED_PERCENT,
            Difference::ReservedPercent(percent),
        ),
        (
            options != DEFAULT_MOUNT_OPTIONS,
            Difference::MountOptions(options),
        ),
    ];
    let others = others.into_iter().filter(|(differs, _)| *differs);
    without
        .map(Difference::Without)
        .chain(with.map(Difference::With))
        .chain(others.map(|(_, difference)| difference))
        .collect()
}
