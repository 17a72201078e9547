//! The code of the fuzz targets, one file each, with the invariant that it checks at its top.
//!
//! The fuzzer's binaries in `fuzz_targets` and the replay of the kept inputs in `tests/hostile` share
//! these files. A target takes any bytes, panics where the invariant is broken, and depends on
//! nothing else: the same input is judged the same way every time.

pub mod board;
pub mod configuration;
pub mod control;
pub mod deb;
pub mod device;
pub mod directory;
pub mod elf;
pub mod extent;
pub mod fat;
pub mod gpt;
pub mod image;
pub mod inline;
pub mod inode;
pub mod journal;
pub mod kind;
pub mod lock;
pub mod manifest;
pub mod mbr;
pub mod openpgp;
pub mod overlay;
pub mod packing;
pub mod profile;
pub mod relation;
pub mod release;
pub mod settings;
pub mod sources;
pub mod superblock;
pub mod tar;
pub mod template;
pub mod triggers;
pub mod xattr;

pub mod ext4;
pub mod patch;

mod disk;
mod limits;
mod shown;

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, in the order in which a run takes them.
pub const TARGETS: &[Target] = &[
    ("superblock", superblock::run),
    ("directory", directory::run),
    ("extent", extent::run),
    ("inode", inode::run),
    ("xattr", xattr::run),
    ("inline", inline::run),
    ("journal", journal::run),
    ("image", image::run),
    ("device", device::run),
    ("fat", fat::run),
    ("mbr", mbr::run),
    ("gpt", gpt::run),
    ("packing", packing::run),
    ("tar", tar::run),
    ("deb", deb::run),
    ("control", control::run),
    ("relation", relation::run),
    ("sources", sources::run),
    ("triggers", triggers::run),
    ("openpgp", openpgp::run),
    ("release", release::run),
    ("elf", elf::run),
    ("board", board::run),
    ("profile", profile::run),
    ("overlay", overlay::run),
    ("settings", settings::run),
    ("lock", lock::run),
    ("manifest", manifest::run),
    ("configuration", configuration::run),
    ("template", template::run),
    ("kind", kind::run),
];
