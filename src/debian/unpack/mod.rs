//! Packages, unpacked into a tree.
