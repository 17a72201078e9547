//! The features for which this reader refuses a filesystem.

use crate::fs::ext4::format::feature::{
    EA_INODE, ENCRYPT, EXTENT, FILETYPE, FLEX_BG, Feature, FeatureSet, INLINE_DATA, LARGE_DIR,
    META_BG, METADATA_CSUM_SEED, MMP, NEEDS_RECOVERY, SHARED_BLOCKS, SIXTY_FOUR_BIT, Set,
};

/// The features of `Set::Incompat` that this reader knows. With `encrypt`, some inodes may be
/// encrypted; they are refused one by one. `mmp` protects against two writers, and this reader does
/// not write.
const READ: [Feature; 12] = [
    FILETYPE,
    NEEDS_RECOVERY,
    META_BG,
    EXTENT,
    SIXTY_FOUR_BIT,
    MMP,
    FLEX_BG,
    EA_INODE,
    METADATA_CSUM_SEED,
    LARGE_DIR,
    INLINE_DATA,
    ENCRYPT,
];

/// Returns those of `features` that a reader must know and this one does not. A feature that only a
/// writer must know is no obstacle, except `shared_blocks`, with which a block belongs to many
/// files.
pub(super) fn unread(features: FeatureSet) -> Vec<Feature> {
    let is_unread = |feature: &Feature| match feature.set {
        Set::Compat => false,
        Set::Incompat => !READ.contains(feature),
        Set::RoCompat => *feature == SHARED_BLOCKS,
    };
    features.iter().filter(is_unread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::read::error::Unsupported;

    #[test]
    fn unknown_features_are_refused_by_name() {
        let set = FeatureSet([1 << 2, 1 << 17 | 1 << 31 | 1 << 1, 1 << 10 | 1 << 30]);
        let refused = Unsupported::Features(unread(set)).to_string();
        let names = "the feature `casefold`, `FEATURE_I31`, which";
        assert!(refused.contains(names), "{refused}");
    }
}
