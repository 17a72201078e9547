//! Base images: foreign disks from which a build starts.
//!
//! ```text
//! source   the file: fetched or local, verified, unpacked into the store
//! ```

pub mod apt;
pub mod packing;
pub mod source;
pub mod sparse;
