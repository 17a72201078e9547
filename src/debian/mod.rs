//! Debian archives and packages.

pub mod alternatives;
pub mod control;
mod date;
pub mod deb;
pub mod dpkgdb;
pub mod index;
pub mod keyring;
pub mod mirrors;
pub mod preferences;
pub mod relation;
pub mod release;
pub mod repository;
pub mod solve;
pub mod sources;
pub mod unpack;
pub mod version;
