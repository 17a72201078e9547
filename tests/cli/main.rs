//! Tests of the program as its user sees it: a command, an exit code, standard output and standard
//! error.
//!
//! A small Debian archive is made from programs of this machine and served on 127.0.0.1. Its
//! packages are really unpacked, configured in the sandbox and sealed into an image. No other
//! network is needed.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

mod apart;
mod archives;
mod base_layouts;
mod base_sources;
mod base_systems;
mod base_volumes;
mod bases;
mod boards;
mod boot_test;
mod browser;
mod cache;
#[path = "../fixture/command.rs"]
mod command;
mod commands;
mod damage;
mod definitions;
mod diff;
mod documents;
mod first_boot;
mod fixture;
mod formats;
mod hostile_bases;
mod inputs;
mod inspect;
mod interrupts;
mod locks;
#[path = "../fixture/mirror/mod.rs"]
mod mirror;
mod names;
mod near;
mod outputs;
mod pipes;
mod rebuilds;
mod releases;
mod reproducible;
mod scripts;
mod secrets;
mod session;
mod terminal;
mod test_debian;
mod unread;
mod verify;
mod version;
