//! Writes data to standard output and everything else to standard error. Text from outside cannot control the terminal.

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

/// Writes a path to standard output. A program gets its exact bytes, a terminal gets visible characters.
pub(super) fn print_path(path: &Path) -> Result<(), PrintError> {
    if io::stdout().is_terminal() {
        return print_text(&format!("{}\n", path.display()));
    }
    print([path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Writes data to standard output unchanged. It is not a failure if the reader closes the pipe early.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<(), PrintError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes the content of a file to standard output. Unlike text for a person, the file is worthless if it is not
/// whole, so a reader that closes the pipe early is a failure.
pub(super) fn print_file(path: &Path) -> Result<(), PrintError> {
    let file = fs_err::File::open(path)?;
    let mut out = io::stdout().lock();
    // Between two `std` files, the kernel copies.
    io::copy(&mut file.file(), &mut out)?;
    Ok(out.flush()?)
}

/// Standard output, for data that are copied in parts. It remembers its error, so that a caller can tell it from an
/// error of the data.
pub(super) struct Output<'e> {
    /// The error.
    pub(super) failed: &'e mut Option<io::Error>,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        written.map(|()| bytes.len()).map_err(|error| {
            let kind = error.kind();
            *self.failed = Some(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `line` to standard error with its control characters made visible, because it may quote the output of a
/// script or a name that a server chose.
pub(super) fn say(line: &str) {
    show(&Visible::of(line));
}

/// Writes text to standard error, and ignores an error of that. Apart from progress bars, which hold no text from
/// outside, only this function writes there.
pub(super) fn show(text: &Visible) {
    let _ = writeln!(io::stderr(), "{}", text.as_str().trim_end());
}

/// Reads the clock, to show elapsed time.
#[expect(
    clippy::disallowed_methods,
    reason = "elapsed time is shown and decides nothing"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
