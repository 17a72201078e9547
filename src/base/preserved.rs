//! The properties that the root filesystem of a base image keeps, which `compose` has to know.

use super::Base;
use crate::define::Board;
use crate::define::board::{Filesystem, Partition};

/// The properties that a root filesystem keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preserved {
    /// Whether it keeps the sources of its apt.
    pub apt_sources: bool,
    /// Whether it has a time zone, a locale, a resolver, and a time from which its clock starts. It then keeps
    /// them, unless a person gave a setting.
    pub identity: bool,
    /// The mount point of the FAT partition, which any computer can read, or `/boot` if there is none.
    pub boot_mount: String,
}

impl Base {
    /// The properties that the root filesystem on `board` keeps.
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

/// The mount point of the first FAT of `board`.
fn boot_mount(board: &Board) -> Option<&str> {
    let fat = |partition: &&Partition| partition.filesystem == Filesystem::Fat32;
    let mut fats = board.partitions.iter().filter(fat);
    fats.find_map(|partition| partition.mount.as_deref())
}
