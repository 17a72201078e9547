//! Signed InRelease files.
