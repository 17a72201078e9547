//! ext4, read from any device into a tree. Nothing on the device is trusted.
//!
//! ```text
//! Device → Superblock → groups → journal replayed → inodes, from the root down → Tree
//! ```
//!
//! Every number is checked against the device before it is used: blocks lie within the filesystem
//! and have one owner, inodes exist and are visited once, checksums are right. So time and memory
//! are bounded by the length of the device, whatever is on it. Content is not read: files become
//! slices of the stored object that the device is.
//!
//! A tree has no access, change and creation times, no inode flags such as `immutable` and no
//! project ids, so these are lost. Inodes that were open when the machine stopped (orphans) have no
//! name and are left out; inodes that were being truncated have their new length in `i_size`
//! already.

mod claims;
mod directory;
mod error;
mod extent;
mod file;
mod filesystem;
mod free;
mod group;
mod indirect;
mod inline;
mod inode;
mod journal;
#[cfg(test)]
mod made;
mod patched;
mod place;
mod superblock;
mod survey;
mod tree;
mod unread;
mod volume;
mod xattr;

pub use super::format::feature;
pub use error::{Corrupt, JournalFault, JournalLimit, ReadError, Unsupported};
pub use filesystem::Filesystem;
pub use place::Place;
pub use superblock::Superblock;
pub use survey::Survey;
