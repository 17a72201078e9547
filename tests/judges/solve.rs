//! Judges of solve.
