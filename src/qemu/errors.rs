//! The text that QEMU prints on standard error. QEMU quotes file names and may repeat text of the guest, so the caller
//! must make control characters visible before it shows the text.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// A longer line is passed on in parts of about this number of bytes.
const MAX_LINE: usize = 4096;

/// The lines that QEMU prints on standard error.
pub struct ErrorLines(UnixStream);

/// Ends [`ErrorLines`] when it is dropped. The text that QEMU has printed until then is still read.
pub struct ErrorsEnd(UnixStream);

impl ErrorLines {
    /// Makes the standard error for QEMU, the lines that are printed there, and the value that ends them.
    ///
    /// # Errors
    /// The process has too many open files.
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
        // A process that QEMU started may keep the other end open, so the end of the file may never come. After
        // this call Linux reports the end as soon as the written text has been read. A pipe has no such call.
        let _ = self.0.shutdown(Shutdown::Read);
    }
}
