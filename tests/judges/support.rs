//! Runs judges and shows what they said.
#![allow(dead_code, reason = "each judge uses a part")]

use std::process::{Command, Output};

/// Runs `command`; panics with everything it printed unless it exits with 0.
pub(crate) fn judge(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error}; install what ci/setup lists")
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}
