//! What every fuzz target runs, one file each, with the invariant that it judges at its top.
//!
//! The fuzzer's binaries in `fuzz_targets` and the replay of the kept inputs in `tests/hostile` share
//! these files. A target takes any bytes, panics where the invariant is broken, and depends on
//! nothing else: the same input is judged the same way every time.

pub mod control;
pub mod deb;
pub mod elf;
pub mod limits;
pub mod openpgp;
pub mod relation;
pub mod release;
pub mod sources;
pub mod tar;
pub mod triggers;

/// A target's name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, in the order in which a run takes them.
pub const TARGETS: &[Target] = &[
    ("tar", tar::run),
    ("deb", deb::run),
    ("control", control::run),
    ("relation", relation::run),
    ("sources", sources::run),
    ("triggers", triggers::run),
    ("openpgp", openpgp::run),
    ("release", release::run),
    ("elf", elf::run),
];
