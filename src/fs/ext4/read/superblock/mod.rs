//! The superblock: what a filesystem is like, checked once so that nobody doubts it afterwards.

mod check;
mod parse;
#[cfg(test)]
mod tests;
mod values;

pub(super) use values::JournalBackup;
pub use values::Superblock;
