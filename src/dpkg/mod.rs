//! dpkg's formats and database: versions, control files, relations between packages, `.deb`
//! archives, the files of `/var/lib/dpkg`, and the unpacking of packages into a tree.
//!
//! Archives of packages, and the choice of packages from them, are in [`apt`](crate::apt).

pub mod alternatives;
pub mod control;
pub mod database;
pub mod deb;
pub mod relation;
pub mod status;
pub mod unpack;
pub mod version;
