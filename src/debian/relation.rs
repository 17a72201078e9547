//! Relations between packages.
