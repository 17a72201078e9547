//! The formats of an output. The ending of its name chooses one of them.

use std::path::Path;

/// The form in which an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The bytes of the image, as they lie on the disk. What is free becomes a hole of the file.
    Raw,
    /// One xz stream of many blocks, which can be decompressed in parallel.
    Xz,
    /// Many zstd frames, each of which names the length of its content.
    Zstd,
    /// A disk of virtual machines, in which clusters of zeros take no room.
    Qcow2,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Xz, Self::Zstd, Self::Qcow2];

    /// The ending of the name of an image in this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Raw => "img",
            Self::Xz => "img.xz",
            Self::Zstd => "img.zst",
            Self::Qcow2 => "qcow2",
        }
    }

    /// The format that the last ending of `path` names, if it names one.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "img" | "raw" => Some(Self::Raw),
            "xz" => Some(Self::Xz),
            "zst" => Some(Self::Zstd),
            "qcow2" => Some(Self::Qcow2),
            _ => None,
        }
    }
}

/// How much time compression may take. It decides the bytes of an output, as the format does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// `xz -6` and `zstd -12`.
    #[default]
    Usual,
    /// `xz -9e` and `zstd -19`.
    Highest,
}
