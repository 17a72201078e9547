//! Objects that a store has lost.

use crate::digest::Sha256;
use std::fmt;

/// An object that was missing, or was removed because its content had changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The object.
    pub digest: Sha256,
    /// The damage, in words.
    pub how: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {} of the store: {}", self.digest, self.how)
    }
}

/// The error of a caller that needs an object that was lost.
#[derive(Debug, thiserror::Error)]
#[error("{0}; it is not used: build again with the network, and it is fetched or made anew")]
pub(super) struct Damaged(pub(super) Lost);
