//! What QEMU itself prints on standard error. It quotes file names and may repeat what a guest wrote, so it is shown as
//! text of others is: line by line, with its control characters made visible.

use super::super::progress::say;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread::JoinHandle;

/// A line that does not end is shown in parts of so many bytes.
const MAX_LINE: usize = 4096;

/// A thread that shows them. Dropped, after QEMU has ended, it shows what is left and ends.
pub(super) struct Errors {
    stream: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Errors {
    /// What QEMU is to have as its standard error, and who shows it.
    pub(super) fn new() -> io::Result<(Stdio, Self)> {
        let (stream, theirs) = UnixStream::pair()?;
        let reader = stream.try_clone()?;
        let errors = Self {
            stream,
            thread: Some(std::thread::spawn(move || show(reader))),
        };
        Ok((OwnedFd::from(theirs).into(), errors))
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // A process that QEMU started may hold the other end open. What was written is read to its end all the same:
        // Linux says that a socket has ended once nothing is left in it. A pipe has no such call.
        let _ = self.stream.shutdown(Shutdown::Read);
        if let Some(thread) = self.thread.take() {
            // A line less is nobody's loss.
            let _ = thread.join();
        }
    }
}

fn show(mut stream: UnixStream) {
    let mut line = Vec::new();
    let mut buffer = [0; MAX_LINE];
    loop {
        let new = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n_read) => &buffer[..n_read],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for part in new.split_inclusive(|&byte| byte == b'\n') {
            line.extend(part);
            if part.ends_with(b"\n") || line.len() >= MAX_LINE {
                say(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        say(&String::from_utf8_lossy(&line));
    }
}
