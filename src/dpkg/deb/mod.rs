//! A .deb file: its control members in memory, its files as a tar archive in the store.
//!
//! A package is decompressed once: its `data.tar` is an object of the store, which a memo finds by
//! the digest of the .deb, and a file of the tree is a slice of that object.

mod ar;
mod compression;
mod control;
mod data;
mod entry;
mod error;
mod header;
pub mod tar;

pub(crate) use compression::Compression;
pub use control::{ControlFiles, ControlMember};
pub use data::{OpenDeb, control_of, open_all};
pub use entry::{Entry, EntryKind};
pub use error::{DebError, TarError};
