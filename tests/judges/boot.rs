//! Judges of boot.
