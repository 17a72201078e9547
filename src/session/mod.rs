//! A session: one specification, one store and one network, and the steps from there to an image.
//!
//! ```text
//! open → base → resolve → plan → build → write
//! ```
//!
//! This is the program without its command line. Nothing here reads the environment, the clock or a terminal:
//! the caller gives everything of this kind in [`Options`]. `examples/build.rs` builds an image in this way.

mod base;
mod error;
mod found_lock;
mod open;
mod options;
mod rebuild;
mod release;
mod retry;
mod steps;
mod write;

pub use error::SessionError;
pub use open::Session;
pub use options::{Mirrors, Options};
pub use rebuild::Rebuilt;
pub use release::ReleaseOptions;
