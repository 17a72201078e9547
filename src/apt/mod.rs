//! Archives of packages: sources, signed releases, indices, and the choice of packages.
//!
//! The format of packages and their database are in [`dpkg`](crate::dpkg).

mod date;
pub mod index;
pub mod keyring;
pub mod mirrors;
pub mod preferences;
pub mod release;
pub mod repository;
pub mod solve;
pub mod sources;
