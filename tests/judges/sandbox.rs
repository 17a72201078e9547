//! Judges of sandbox.
