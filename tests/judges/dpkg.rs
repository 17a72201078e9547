//! Judges of dpkg.
