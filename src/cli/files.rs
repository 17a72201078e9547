//! Reads files of a bounded length: those that the user names, and those with a fixed place.
//!
//! The user may name a pipe, as with `<(pass show x)`, or a terminal. A person may need any time to type the
//! passphrase of a password store. So the program waits without a limit, and prints what it waits for.

use super::terminal::say;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read};
use std::path::Path;

/// The longest file of settings, and the longest secret.
pub(super) const MAX_TEXT: u64 = crate::define::MAX_TEXT;
/// The longest lock, which has room for 40,000 packages, and the longest keyring.
pub(super) const MAX_LONG: u64 = 16 << 20;
/// After this time, the program prints what it waits for.
const SILENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
/// The major and minor number of /dev/null, which is read as an empty file.
const NULL: (u32, u32) = (1, 3);

/// Reads the file `path` of at most `limit` bytes, which the user named.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // With O_NONBLOCK, open(2) does not wait for a writer of a pipe, and it fails with ENXIO for a socket.
    let file = open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => unsuitable("a socket"),
        _ => error,
    })?;
    let slow = |file, message| SlowFile {
        file,
        path,
        message: Some(message),
    };
    let status = rustix::fs::fstat(&file)?;
    let null = rustix::fs::makedev(NULL.0, NULL.1);
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => bounded(file, limit),
        FileType::CharacterDevice if status.st_rdev == null => bounded(file, limit),
        FileType::Fifo => bounded(slow(file, PIPE), limit),
        FileType::CharacterDevice if rustix::termios::isatty(&file) => {
            bounded(slow(file, TERMINAL), limit)
        }
        FileType::Directory => Err(unsuitable("a folder")),
        FileType::Socket => Err(unsuitable("a socket")),
        _ => Err(unsuitable("a device")),
    }
}

/// Reads the text file `path` of at most `limit` bytes, which the user named.
pub(super) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// Reads the text file `path` of at most `limit` bytes, which the user did not name. A pipe in its place is refused,
/// because the wait for it might never end.
pub(super) fn read_found(path: &Path, limit: u64) -> io::Result<String> {
    let file = open(path)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    text(bounded(file, limit)?)
}

fn open(path: &Path) -> io::Result<fs_err::File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(fs_err::File::from_parts(file.into(), path))
}

fn unsuitable(what: &str) -> io::Error {
    io::Error::other(format!("it is {what}; expected a file or a pipe"))
}

const PIPE: &str = "nobody has written into this pipe yet";
const TERMINAL: &str = "end your input with Ctrl-D on a line of its own";

/// A pipe or terminal, which may have nothing to read for a long time.
struct SlowFile<'p> {
    file: fs_err::File,
    path: &'p Path,
    /// The message about the wait, until it was printed.
    message: Option<&'static str>,
}

impl SlowFile<'_> {
    /// Waits until there is something to read, or until the last writer has closed the pipe.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            let mut watched = [PollFd::new(&self.file, PollFlags::IN)];
            let silence = self.message.map(|_| &SILENCE);
            match (poll(&mut watched, silence), self.message) {
                (Ok(0), Some(message)) => {
                    let path = self.path.display();
                    say(&format!("waiting for `{path}`: {message}"));
                    self.message = None;
                }
                (Ok(0) | Err(Errno::INTR), _) => {}
                (Ok(_), _) => return Ok(()),
                (Err(error), _) => return Err(error.into()),
            }
        }
    }
}

impl Read for SlowFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match rustix::io::read(self.file.as_fd(), &mut *buffer) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

fn bounded(file: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is longer than {limit} bytes")));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}
