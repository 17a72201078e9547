//! What a store holds and what uses it; and how it is made smaller and checked.
//!
//! These operations leave the store as it is, apart from what they are asked to remove, and work beside running
//! builds. They make no file in the store: so [`Contents`] can be read of a store that cannot be written, and
//! [`collect`] makes room on a disk that is full.
//!
//! What uses an object is known from the records of builds, from memos, which lead from one object to another, and
//! from locks that a person names as roots.

mod check;
mod collect;
mod contents;
mod kind;

pub use check::{Damage, Verified, verify};
pub use collect::{Collected, Limits, collect};
pub use contents::{Contents, Object};
pub use kind::Kind;

use std::io;
use std::path::PathBuf;

/// A store cannot be read, made smaller or checked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The store cannot be read, or not be written.
    #[error("cannot use the store `{}`", .path.display())]
    Store {
        /// The folder of the store.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Objects were damaged, and are removed.
    #[error(
        "{number} of {all} objects of the store were damaged and are removed; the next build that needs one fetches \
         or makes it anew"
    )]
    Damaged {
        /// The number of damaged objects.
        number: usize,
        /// The number of objects.
        all: usize,
    },
    /// Damaged objects cannot be removed.
    #[error("{number} damaged objects of the store cannot be removed; no build uses them")]
    Kept {
        /// The number of damaged objects that stay.
        number: usize,
        /// What the system says of the first of them.
        source: io::Error,
    },
}
