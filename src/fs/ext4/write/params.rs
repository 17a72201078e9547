//! The parameters of a filesystem apart from its content.

use crate::epoch::Epoch;
use crate::fs::ext4::format::feature::{self, Feature, FeatureSet};

/// The least blocks of a journal (`JBD2_MIN_JOURNAL_BLOCKS`).
pub(crate) const LEAST_JOURNAL: u32 = 1024;
pub(crate) const MOST_RESERVED_PERCENT: u8 = 50;
pub(crate) const LEAST_BYTES_PER_INODE: u64 = 1024;

/// The features of every filesystem that imgbuild writes.
const ALWAYS: [Feature; 10] = [
    feature::EXT_ATTR,
    feature::RESIZE_INODE,
    feature::DIR_INDEX,
    feature::FILETYPE,
    feature::EXTENT,
    feature::FLEX_BG,
    feature::SPARSE_SUPER,
    feature::LARGE_FILE,
    feature::DIR_NLINK,
    feature::EXTRA_ISIZE,
];

/// The parameters of a filesystem apart from its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Bytes of the partition: a multiple of 4096. The filesystem fills it, except for a last
    /// group that would hold little more than its own tables.
    pub len: u64,
    /// The filesystem UUID, in text order.
    pub uuid: [u8; 16],
    /// The filesystem label: at most 16 bytes.
    pub label: Vec<u8>,
    /// Seeds the hashes of names in large directories.
    pub hash_seed: [u8; 16],
    /// When the filesystem was made.
    pub epoch: Epoch,
    /// The features that may differ.
    pub features: Features,
    /// Blocks that only root may use, in percent: 0 to 50.
    pub reserved_percent: u8,
    /// Up to which length in bytes the filesystem can grow without changing its layout.
    pub grow_to: u64,
    /// One inode for so many bytes, now and after growing; more where the tree has more nodes.
    pub bytes_per_inode: u64,
    /// Inodes that are free at least before growing.
    pub spare_inodes: u32,
}

impl Params {
    /// The parameters that Debian's `mke2fs` would choose, for growth up to 1 TiB.
    pub fn new(len: u64, uuid: [u8; 16], hash_seed: [u8; 16], epoch: Epoch) -> Self {
        Self {
            len,
            uuid,
            label: Vec::new(),
            hash_seed,
            epoch,
            features: Features::default(),
            reserved_percent: 5,
            grow_to: 1 << 40,
            bytes_per_inode: 16_384,
            spare_inodes: 2048,
        }
    }
}

/// The features that may differ between filesystems. Always written are extents, flex_bg,
/// dir_index, resize_inode, sparse_super, filetype, ext_attr, large_file, dir_nlink and
/// extra_isize, which Linux 4.9, U-Boot and GRUB 2 all read. Never written are `metadata_csum_seed`
/// and `orphan_file`, which GRUB reads since 2.12 only; the kernel needs neither, and e2fsck adds a
/// file of orphans to no filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Checksums over all metadata.
    pub metadata_csum: bool,
    /// Descriptors with 64-bit block numbers, and bitmap checksums of 32 instead of 16 bits.
    pub sixty_four_bit: bool,
    /// Files of 2 TiB and more. Kernels of 32 bits without large block devices mount a filesystem
    /// with it read-only.
    pub huge_file: bool,
    /// Blocks of the journal: 1024 or more, or `None` for no journal.
    pub journal_blocks: Option<u32>,
}

impl Default for Features {
    /// All of them, with the journal of 32 MiB that mke2fs gives to a filesystem of 1 to 2 GiB.
    fn default() -> Self {
        Self {
            metadata_csum: true,
            sixty_four_bit: true,
            huge_file: true,
            journal_blocks: Some(8192),
        }
    }
}

impl Features {
    /// All features of a filesystem with these.
    pub(crate) fn set(&self) -> FeatureSet {
        let optional = [
            (self.journal_blocks.is_some(), feature::HAS_JOURNAL),
            (self.sixty_four_bit, feature::SIXTY_FOUR_BIT),
            (self.huge_file, feature::HUGE_FILE),
            (self.metadata_csum, feature::METADATA_CSUM),
        ];
        let chosen = optional.into_iter().filter(|(is_chosen, _)| *is_chosen);
        FeatureSet::of(ALWAYS.into_iter().chain(chosen.map(|(_, feature)| feature)))
    }
}
