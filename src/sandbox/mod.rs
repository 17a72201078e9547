//! Maintainer scripts, run without privilege and without the host.
