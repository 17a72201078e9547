//! ext4: [`seal`] writes it from a tree, [`read::Filesystem`] reads it into one, and both have the
//! [`format`] in common.

pub mod format;
mod like;
pub mod read;
mod write;

pub use like::Difference;
pub use write::{Ext4Error, Features, Params, XattrError, measure, seal};
