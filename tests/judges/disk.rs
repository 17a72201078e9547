//! Judges of disk.
