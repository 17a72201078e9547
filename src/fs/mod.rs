//! Filesystems, read and written without mounting them.

pub mod ext4;
pub mod fat;
pub mod spot;
