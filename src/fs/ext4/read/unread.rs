//! Features that this reader cannot do without knowing.

use crate::fs::ext4::format::feature::{
    EA_INODE, ENCRYPT, EXTENT, FILETYPE, FLEX_BG, Feature, FeatureSet, INLINE_DATA, LARGE_DIR,
    META_BG, METADATA_CSUM_SEED, MMP, NEEDS_RECOVERY, SHARED_BLOCKS, SIXTY_FOUR_BIT, Set,
};

/// Those of `Set::Incompat` that this reader knows. `encrypt` says that there may be encrypted
/// inodes; they are refused one by one. `mmp` protects against two writers; we are none.
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

/// Those of `features` that would have to be known and are not. What only writers have to know is none
/// of them, but for `shared_blocks`: with it, one block belongs to many files.
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
    use crate::fs::ext4::format::feature::FeatureList;

    #[test]
    fn unknown_features_are_refused_by_name() {
        let set = FeatureSet {
            compat: 1 << 2,
            incompat: 1 << 17 | 1 << 31 | 1 << 1,
            ro_compat: 1 << 10 | 1 << 30,
        };
        let refused = FeatureList(unread(set)).to_string();
        assert_eq!(refused, "the feature `casefold`, `FEATURE_I31`");
    }
}
