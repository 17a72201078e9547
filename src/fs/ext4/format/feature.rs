//! The features of a filesystem: 96 flags, with the names that `dumpe2fs` gives them.

use std::fmt;

/// The word of a flag, which says what software may do that does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// Read and write.
    Compat,
    /// Nothing.
    Incompat,
    /// Read.
    RoCompat,
}

/// One flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feature {
    pub(crate) set: Set,
    bit: u8,
}

macro_rules! features {
    ($($constant:ident $set:ident $bit:literal $name:literal,)*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub const $constant: Feature = Feature { set: Set::$set, bit: $bit };
        )*
        /// Every flag that e2fsprogs knows by name.
        const NAMES: &[(Feature, &str)] = &[$(($constant, $name),)*];
    };
}

features! {
    HAS_JOURNAL Compat 2 "has_journal",
    EXT_ATTR Compat 3 "ext_attr",
    RESIZE_INODE Compat 4 "resize_inode",
    DIR_INDEX Compat 5 "dir_index",
    SPARSE_SUPER2 Compat 9 "sparse_super2",
    FAST_COMMIT Compat 10 "fast_commit",
    STABLE_INODES Compat 11 "stable_inodes",
    ORPHAN_FILE Compat 12 "orphan_file",
    COMPRESSION Incompat 0 "compression",
    FILETYPE Incompat 1 "filetype",
    NEEDS_RECOVERY Incompat 2 "needs_recovery",
    JOURNAL_DEV Incompat 3 "journal_dev",
    META_BG Incompat 4 "meta_bg",
    EXTENT Incompat 6 "extent",
    SIXTY_FOUR_BIT Incompat 7 "64bit",
    MMP Incompat 8 "mmp",
    FLEX_BG Incompat 9 "flex_bg",
    EA_INODE Incompat 10 "ea_inode",
    DIRDATA Incompat 12 "dirdata",
    METADATA_CSUM_SEED Incompat 13 "metadata_csum_seed",
    LARGE_DIR Incompat 14 "large_dir",
    INLINE_DATA Incompat 15 "inline_data",
    ENCRYPT Incompat 16 "encrypt",
    CASEFOLD Incompat 17 "casefold",
    SPARSE_SUPER RoCompat 0 "sparse_super",
    LARGE_FILE RoCompat 1 "large_file",
    HUGE_FILE RoCompat 3 "huge_file",
    UNINIT_BG RoCompat 4 "uninit_bg",
    DIR_NLINK RoCompat 5 "dir_nlink",
    EXTRA_ISIZE RoCompat 6 "extra_isize",
    QUOTA RoCompat 8 "quota",
    BIGALLOC RoCompat 9 "bigalloc",
    METADATA_CSUM RoCompat 10 "metadata_csum",
    READ_ONLY RoCompat 12 "read-only",
    PROJECT RoCompat 13 "project",
    SHARED_BLOCKS RoCompat 14 "shared_blocks",
    VERITY RoCompat 15 "verity",
    ORPHAN_PRESENT RoCompat 16 "orphan_present",
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(feature, _)| feature == self) {
            Some((_, name)) => f.write_str(name),
            None => {
                let letter = ['C', 'I', 'R'][self.set as usize];
                write!(f, "FEATURE_{letter}{}", self.bit)
            }
        }
    }
}

/// All flags of a filesystem: one word for each `Set`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureSet(pub(crate) [u32; 3]);

impl FeatureSet {
    /// Whether `feature` is among them.
    pub fn has(&self, feature: Feature) -> bool {
        self.0[feature.set as usize] >> feature.bit & 1 == 1
    }

    /// The set of `features`.
    pub(crate) fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        let mut words = [0; 3];
        for Feature { set, bit } in features {
            words[set as usize] |= 1 << bit;
        }
        Self(words)
    }

    /// Every flag that is set.
    pub fn iter(&self) -> impl Iterator<Item = Feature> {
        let all = [Set::Compat, Set::Incompat, Set::RoCompat].into_iter();
        let all = all.flat_map(|set| (0..32).map(move |bit| Feature { set, bit }));
        let this = *self;
        all.filter(move |feature| this.has(*feature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_the_names_of_dumpe2fs() {
        let set = FeatureSet([1 << 2, 1 << 17 | 1 << 31 | 1 << 1, 1 << 10 | 1 << 30]);
        let names: Vec<String> = set.iter().map(|feature| feature.to_string()).collect();
        let expected = [
            "has_journal",
            "filetype",
            "casefold",
            "FEATURE_I31",
            "metadata_csum",
            "FEATURE_R30",
        ];
        assert_eq!(names, expected);
        assert_eq!(FeatureSet::of(set.iter()), set);
    }
}
