//! The exit codes, as README.md lists them.

/// The command did what it should, and what was compared is equal.
pub(crate) const DONE: u8 = 0;
/// What was compared differs. As with diff(1), every greater code means that it was not compared as a whole.
pub(crate) const DIFFERENT: u8 = 1;
/// A definition or setting is wrong.
pub(crate) const DEFINITIONS: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// The lock is missing or stale.
pub(crate) const LOCK: u8 = 3;
/// An input is unavailable or not genuine, or this machine cannot process it.
pub(crate) const INPUT: u8 = 4;
/// The output or the store cannot be written.
pub(crate) const OUTPUT: u8 = 5;
/// The image failed a check.
pub(crate) const CHECK: u8 = 6;
/// imgbuild has a bug: EX_SOFTWARE of sysexits.h.
pub(crate) const BUG: u8 = 70;
/// The user pressed Ctrl-C. As in shells, this is 128 plus the number of the signal.
pub(crate) const INTERRUPT: u8 = 130;
