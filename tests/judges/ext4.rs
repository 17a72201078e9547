//! Judges of ext4.
