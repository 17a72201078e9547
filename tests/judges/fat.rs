//! Judges of fat.
