//! A machine in QEMU: which machine an image starts in, and its serial console as a person would use it.

mod console;
mod errors;
mod machine;

pub use console::{CommandOutput, Console, ConsoleError, Interrupts};
pub use errors::{ErrorLines, ErrorsEnd};
pub use machine::{Firmware, Machine, MachineError};
