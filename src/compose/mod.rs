//! Overlays, units, accounts and identity, laid over the configured tree.

pub mod template;
