//! A Debian archive for tests: packages, a signed repository, and a server that can be told to
//! misbehave.
//!
//! ```ignore
//! let folder = tempfile::tempdir().unwrap();
//! TestArchive::new().package(DebSpec::new("hello", "1.0", "amd64")).write(folder.path());
//! let server = Server::start(folder.path());
//! server.fault("/dists/trixie/InRelease", Fault::Status(503), Times::Once);
//! ```
//!
//! Everything has the date [`NOW`] by default, and equal calls make equal bytes.
#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]
#![allow(dead_code, reason = "each judge uses a part")]

mod archive;
mod deb;
mod key;
mod server;

pub(crate) use archive::TestArchive;
pub(crate) use deb::{Compression, DebSpec};
pub(crate) use key::TestKey;
#[allow(unused_imports, reason = "each test program uses a part")]
pub(crate) use server::{Fault, Request, Server, Times};

use imgbuild::epoch::Epoch;

/// 2025-06-01 12:00:00 UTC, the present of every test.
pub(crate) const NOW: Epoch = Epoch(1_748_779_200);
