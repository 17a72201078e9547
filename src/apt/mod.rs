//! Archives of packages: sources, signed releases, indices, and the choice of packages.
//!
//! The packages themselves, their format and their database, are [`dpkg`](crate::dpkg)'s.

mod date;
pub mod index;
pub mod keyring;
pub mod mirrors;
pub mod preferences;
pub mod release;
pub mod repository;
pub mod solve;
pub mod sources;
