//! Judges of archive.
