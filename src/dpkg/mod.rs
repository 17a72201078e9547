//! dpkg's formats and database: versions, control files, relations between packages, `.deb` archives,
//! what lies under `/var/lib/dpkg`, and the unpacking of packages into a tree.
//!
//! What archives of packages say, and which packages are chosen from them, is [`apt`](crate::apt)'s.

pub mod alternatives;
pub mod control;
pub mod database;
pub mod deb;
pub mod relation;
pub mod status;
pub mod unpack;
pub mod version;
