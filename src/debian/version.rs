//! Debian versions and their order.
