//! Disk images as ordered regions, and the partition tables in them.

pub mod image;
