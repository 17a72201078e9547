//! Standard output and standard error. Data goes to the one, everything else to the other, and text of others
//! controls no terminal.

use crate::diag::{Visible, visible, visible_json};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

/// Standard output failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(super) struct PrintError(#[from] io::Error);

/// Writes text for a person to standard output, with its control characters made visible.
pub(super) fn print_text(text: &str) -> Result<(), PrintError> {
    print(visible(text).as_bytes())
}

/// Writes a line of JSON to standard output, with its control characters as escapes.
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), PrintError> {
    print(format!("{}\n", visible_json(&value.to_string())))
}

/// Writes the path of what was made to standard output: to a program as it is, since it is to be used.
pub(super) fn print_path(path: &Path) -> Result<(), PrintError> {
    if io::stdout().is_terminal() {
        return print_text(&format!("{}\n", path.display()));
    }
    print([path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Writes data to standard output as it is. A reader that left early is no failure.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<(), PrintError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes `line` to standard error with its control characters made visible: it may hold what a script
/// printed or what a server calls a file.
pub(super) fn say(line: &str) {
    show(&Visible::of(line));
}

/// Writes text to standard error. Nothing else of the program writes there, but for bars that hold
/// no text of others; a closed one is nobody's loss.
pub(super) fn show(text: &Visible) {
    let _ = writeln!(io::stderr(), "{}", text.as_str().trim_end());
}

/// The clock, for what a person sees only.
#[expect(
    clippy::disallowed_methods,
    reason = "elapsed time is shown and decides nothing"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
