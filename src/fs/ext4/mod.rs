//! ext4: [`seal`] writes a tree as a filesystem, [`read::Filesystem`] reads a filesystem as a tree,
//! and both know the on-disk format from [`format`](mod@format).

pub mod format;
mod like;
pub mod read;
mod write;

pub use like::Difference;
pub use write::{Ext4Error, Features, Params, XattrError, measure, seal};
