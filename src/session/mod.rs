//! A session: one specification, one store and one network, and the steps from there to an image.
//!
//! ```text
//! open → base → resolve → plan → build → write
//! ```
//!
//! This is the program without its command line. Everything that a session needs from outside is a value
//! of [`Options`]: nothing here reads the environment, the clock or a terminal. `examples/build.rs` builds an
//! image in this way.

mod base;
mod error;
mod found_lock;
mod open;
mod options;
mod retry;
mod steps;
mod write;

pub use error::SessionError;
pub use open::Session;
pub use options::{Mirrors, Options};
