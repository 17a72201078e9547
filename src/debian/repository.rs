//! Archives: from a mirror to verified indices.
