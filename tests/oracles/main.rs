//! Tests in which a foreign program is the oracle. A missing program is a failure and never a
//! reason to skip.

#[path = "../fixture/apt.rs"]
mod apt;
mod archive;
mod attack;
mod boot;
#[path = "../fixture/command.rs"]
mod command;
mod definitions;
mod device;
mod disk;
mod dpkg;
mod ext4;
mod fat;
mod fixture;
#[path = "../fixture/machine.rs"]
mod machine;
#[path = "../fixture/mirror/mod.rs"]
pub mod mirror;
#[path = "../fixture/render.rs"]
mod render;
mod sandbox;
mod solve;
#[path = "../fixture/uml.rs"]
mod uml;
mod values;
