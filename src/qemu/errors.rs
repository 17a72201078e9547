//! What QEMU itself prints on standard error. It quotes file names and may repeat what a guest wrote, so it is text
//! of others: whoever shows it makes its control characters visible.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// A line that does not end is handed on in parts of so many bytes.
const MAX_LINE: usize = 4096;

/// The lines that QEMU prints on standard error.
pub struct ErrorLines(UnixStream);

/// Ends [`ErrorLines`] when it is dropped, after all that QEMU has printed until then.
pub struct ErrorsEnd(UnixStream);

impl ErrorLines {
    /// What QEMU is to have as its standard error, the lines that it prints there, and what ends them.
    ///
    /// # Errors
    /// Where the process may open no more files.
    pub fn new() -> io::Result<(Stdio, Self, ErrorsEnd)> {
        let (ours, theirs) = UnixStream::pair()?;
        let end = ErrorsEnd(ours.try_clone()?);
        Ok((OwnedFd::from(theirs).into(), Self(ours), end))
    }

    /// Calls `show` with each line until [`ErrorsEnd`] is dropped.
    pub fn for_each(mut self, show: impl Fn(&str)) {
        let show = |line: &[u8]| show(&String::from_utf8_lossy(line));
        let mut line = Vec::new();
        let mut buffer = [0; MAX_LINE];
        loop {
            let new = match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(n_read) => &buffer[..n_read],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for part in new.split_inclusive(|&byte| byte == b'\n') {
                line.extend(part);
                if part.ends_with(b"\n") || line.len() >= MAX_LINE {
                    show(&line);
                    line.clear();
                }
            }
        }
        if !line.is_empty() {
            show(&line);
        }
    }
}

impl Drop for ErrorsEnd {
    fn drop(&mut self) {
        // A process that QEMU started may hold the other end open. What was written is read to its end all the same:
        // Linux says that a socket has ended once nothing is left in it. A pipe has no such call.
        let _ = self.0.shutdown(Shutdown::Read);
    }
}
