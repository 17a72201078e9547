//! A .deb file: its control members in memory, its files as a tar archive in the store.
//!
//! Packages are unpacked once: the decompressed `data.tar` is an object of the store, found again
//! by the digest of the .deb, and a file of the tree is a slice of that object.

mod ar;
mod compression;
mod control;
mod data;
mod entry;
mod error;
mod header;
mod read_at;
pub mod tar;

pub use control::{ControlFiles, ControlMember};
pub use data::{OpenDeb, control_of, open_all};
pub use entry::{Entry, EntryKind};
pub use error::{DebError, TarError};
pub use read_at::ReadAt;
