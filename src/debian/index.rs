//! Package indices.
