//! Disk images as ordered regions, and the partition tables in them.

pub mod device;
pub mod gpt;
pub mod image;
pub mod mbr;
pub mod probe;
pub mod table;
pub mod view;
