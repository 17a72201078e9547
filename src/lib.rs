//! Builds ready-to-flash disk images for single-board computers and x86 machines, without root.
//!
//! ```text
//! Definitions → Spec → Base → Lock → Plan → Root → Disk → Image → Sinks
//!  as written  meant  begins pinned  +ids   tree   parts  regions
//! ```
//!
//! Each value is made from the one before it; `DESIGN.md` beside this file is the contract between
//! them, by a [`session::Session`]. Only `cli` knows the environment, the clock and the terminal.

pub mod address;
pub mod architecture;
pub mod configuration;
pub mod digest;
pub mod epoch;
pub mod event;
mod glob;
pub mod listing;
pub mod removal;
pub mod seed;
pub mod unfinished;
pub mod units;

pub mod disk;
pub mod store;
pub mod tree;

pub mod define;
pub mod diag;
pub mod lock;
pub mod plan;
pub mod specification;

pub mod apt;
pub mod base;
pub mod boot;
pub mod compose;
pub mod configure;
pub mod dpkg;
pub mod fetch;
pub mod fs;
pub mod layout;
pub mod pipeline;
pub mod resolve;
pub mod sandbox;
pub mod sink;
pub mod verify;

pub mod boot_test;
pub mod qemu;
pub mod session;

pub mod cli;
