//! What a root filesystem has of its own when a build begins, as far as composing has to know it.

use super::Base;
use crate::define::Board;
use crate::define::board::{Filesystem, Partition};

/// What a root filesystem has of its own, and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preserved {
    /// Whether its apt has sources.
    pub apt_sources: bool,
    /// Whether it has a time zone, a locale, a way to resolve names, and a time that its clock starts from. What
    /// the profile leaves at its default stays as it is then.
    pub identity: bool,
    /// The mount point of the partition that any computer can read, or `/boot` if the base has no such partition.
    pub boot_mount: String,
}

impl Base {
    /// What the root filesystem on `board` keeps.
    pub fn preserved(&self, board: &Board) -> Preserved {
        let image = self.image();
        Preserved {
            apt_sources: image.is_some(),
            identity: image.is_some(),
            boot_mount: match image {
                Some(image) => image.opened.boot_mount(),
                None => boot_mount(board).unwrap_or("/boot").to_owned(),
            },
        }
    }
}

/// Where `board` mounts a FAT.
fn boot_mount(board: &Board) -> Option<&str> {
    let fat = |partition: &&Partition| partition.filesystem == Filesystem::Fat32;
    let mut fats = board.partitions.iter().filter(fat);
    fats.find_map(|partition| partition.mount.as_deref())
}
