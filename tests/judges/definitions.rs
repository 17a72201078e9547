//! Judges of definitions.
