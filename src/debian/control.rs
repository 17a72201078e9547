//! Stanzas of `Field: value` lines (deb822).
