//! A .deb file: its control members in memory, its files as one object of the store.
//!
//! A package is decompressed once: a memo finds the object by the digest of the .deb, and a file of
//! the tree is a slice of that object.

mod ar;
mod compression;
mod control;
mod data;
mod entry;
mod error;
mod header;
pub mod tar;
mod unpacked;

pub(crate) use compression::Compression;
pub use control::{ControlFiles, ControlMember};
pub use data::{OpenDeb, control_of, open_all};
pub use entry::{Entry, EntryKind};
pub use error::{DebError, TarError};
pub use unpacked::entries;
