//! Overlays, units, accounts and identity, laid over the configured tree.

pub mod accounts;
pub mod identity;
pub mod layer;
pub mod template;
pub mod units;
