//! The superblock: the properties of a filesystem, which are checked once, when they are read.

mod check;
mod parse;
#[cfg(test)]
mod tests;
mod values;

pub(super) use values::JournalBackup;
pub use values::Superblock;
