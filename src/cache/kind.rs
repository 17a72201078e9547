//! The kinds of objects, which are known from the memos that lead to them.

use serde::Serialize;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A package, as it was fetched.
    Package,
    /// The files of a package, unpacked.
    Unpacked,
    /// The file of a base image, or what proves it, as it was fetched.
    BaseFile,
    /// The disk in the file of a base image, unpacked.
    BaseDisk,
    /// The list of an archive's packages, or its signature.
    Index,
    /// A part of an image, compressed for a .img.xz or .img.zst.
    CompressedPart,
    /// What a stage made: a tree of configured packages with what scripts wrote, a lock, an initramfs.
    Result,
    /// A file to which nothing leads: a blob, or what a build that was interrupted has left.
    Other,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Package,
        Self::Unpacked,
        Self::BaseFile,
        Self::BaseDisk,
        Self::Index,
        Self::CompressedPart,
        Self::Result,
        Self::Other,
    ];

    /// The name of the kind in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Package => "packages",
            Self::Unpacked => "unpacked packages",
            Self::BaseFile => "base images",
            Self::BaseDisk => "base disks",
            Self::Index => "indices",
            Self::CompressedPart => "compressed parts",
            Self::Result => "results of stages",
            Self::Other => "other files",
        }
    }
}

/// What the memos of one stage lead from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// The kind of the object that is the key, if it is one.
    pub(super) key: Option<Kind>,
    /// The kind of the object that is the result; `None` if the result is no object.
    pub(super) value: Option<Kind>,
}

/// The meaning of the memos in the folder `folder`, whose name is that of the stage and often ends with the number of
/// its version.
pub(super) fn stage(folder: &str) -> Stage {
    let from_to = |key, value| Stage {
        key: Some(key),
        value: Some(value),
    };
    let to = |value| Stage {
        key: None,
        value: Some(value),
    };
    match name(folder) {
        "data-tar" => from_to(Kind::Package, Kind::Unpacked),
        "base-disk" => from_to(Kind::BaseFile, Kind::BaseDisk),
        "packages-text" => from_to(Kind::Index, Kind::Index),
        "in-release" | NEWEST => to(Kind::Index),
        "base-signed" | "base-small" => to(Kind::BaseFile),
        "xz-6" | "xz-9e" | "zstd-12" | "zstd-19" => to(Kind::CompressedPart),
        "image" | "image-of-spans" | "host-name" => Stage {
            key: None,
            value: None,
        },
        _ => to(Kind::Result),
    }
}

/// The stage that remembers how new the newest index of an archive was. It keeps an older one from being passed off
/// as new, so a collection keeps it.
pub(super) const NEWEST: &str = "newest-release";

/// The name of a stage without the number of its version.
pub(super) fn name(folder: &str) -> &str {
    match folder.rsplit_once('-') {
        Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_stage_does_not_matter() {
        for (folder, expected) in [
            ("image-1", "image"),
            ("data-tar", "data-tar"),
            ("base-disk-12", "base-disk"),
        ] {
            assert_eq!(name(folder), expected);
        }
        assert_eq!(stage("image-7").value, None);
        assert_eq!(stage("image-of-spans-1").value, None);
        assert_eq!(stage("zstd-12-1").value, Some(Kind::CompressedPart));
        assert_eq!(stage("unknown-1").value, Some(Kind::Result));
    }
}
