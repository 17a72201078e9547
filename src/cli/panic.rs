//! Reports a panic as a bug, with the version of the program, and ends with the exit code for bugs.

use super::terminal::say;
use super::{exit, signals};
use std::backtrace::{Backtrace, BacktraceStatus};

/// Has a panic end the process with a request to report it.
pub(super) fn install() {
    std::panic::set_hook(Box::new(move |panic| {
        // The message of a panic may quote input, so `say` makes its control characters visible.
        say(&panic.to_string());
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            say(&trace.to_string());
        }
        let version = env!("IMGBUILD_VERSION");
        say(&format!(
            "imgbuild {version} has a bug; please report the lines above"
        ));
        signals::remove_unfinished();
        std::process::exit(exit::BUG.into());
    }));
}
