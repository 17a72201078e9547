//! apt source files.
