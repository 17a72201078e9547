//! Tests in which a foreign program is the oracle. A missing program is a failure and never a
//! reason to skip.

mod archive;
mod attack;
mod boot;
mod definitions;
mod device;
mod disk;
mod dpkg;
mod ext4;
mod fat;
pub mod mirror;
mod sandbox;
mod solve;
mod support;
mod uml;
mod values;
