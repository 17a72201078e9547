//! A panic is a bug: the program says so, with its version, and ends with the code for it.

use super::terminal::say;
use super::{exit, signals};
use std::backtrace::{Backtrace, BacktraceStatus};

/// From now on a panic ends the process with a request to report it.
pub(super) fn install() {
    std::panic::set_hook(Box::new(move |panic| {
        // The words of a panic may hold what was read.
        say(&panic.to_string());
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            say(&trace.to_string());
        }
        let version = env!("CARGO_PKG_VERSION");
        say(&format!(
            "imgbuild {version} has a bug; please report the lines above"
        ));
        signals::remove_unfinished();
        std::process::exit(exit::BUG.into());
    }));
}
