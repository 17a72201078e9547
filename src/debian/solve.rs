//! Which packages to install.
