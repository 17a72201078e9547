//! Files that the user names, and files that lie where they are looked for: read up to a bound.
//!
//! What the user names may be a pipe, `<(pass show x)`, or standard input. Nobody knows how long a person takes for
//! the passphrase of a safe, so that is waited for, but not without a word.

use super::terminal::say;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, Read};
use std::path::Path;

/// The longest file of settings, and the longest secret.
pub(super) const MAX_TEXT: u64 = crate::define::MAX_TEXT;
/// The longest lock, of 40,000 packages, and the longest keyring.
pub(super) const MAX_LONG: u64 = 16 << 20;
/// After this time who waits is told what for.
const SILENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
/// The device number of /dev/null, in which nothing is: an empty file of settings.
const NULL: (u32, u32) = (1, 3);

/// The file `path`, of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // A pipe is opened without somebody at its other end.
    let file = open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => unsuitable("a socket"),
        _ => error,
    })?;
    let status = rustix::fs::fstat(&file)?;
    let device = (
        rustix::fs::major(status.st_rdev),
        rustix::fs::minor(status.st_rdev),
    );
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => bounded(file, limit),
        FileType::CharacterDevice if device == NULL => bounded(file, limit),
        FileType::Fifo => bounded(Patient::new(file, path, PIPE), limit),
        FileType::CharacterDevice if rustix::termios::isatty(&file) => {
            bounded(Patient::new(file, path, TERMINAL), limit)
        }
        FileType::Directory => Err(unsuitable("a folder")),
        FileType::Socket => Err(unsuitable("a socket")),
        _ => Err(unsuitable("a device")),
    }
}

/// The same as text.
pub(super) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// The text of the file `path`, which lies where such files are looked for. A pipe there, which nobody
/// named, would be waited for without end.
pub(super) fn read_found(path: &Path, limit: u64) -> io::Result<String> {
    let file = open(path)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
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
const TERMINAL: &str = "what is typed ends with Ctrl-D at the beginning of a line";

/// A file whose bytes may be long in coming.
struct Patient<'p> {
    file: fs_err::File,
    path: &'p Path,
    /// What is waited for, until it was said.
    unsaid: Option<&'static str>,
}

impl<'p> Patient<'p> {
    fn new(file: fs_err::File, path: &'p Path, why: &'static str) -> Self {
        let unsaid = Some(why);
        Self { file, path, unsaid }
    }

    /// Returns when there is something to read, or nobody is left who could write it.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            let mut watched = [PollFd::new(&self.file, PollFlags::IN)];
            let silence = self.unsaid.map(|_| &SILENCE);
            match (poll(&mut watched, silence), self.unsaid) {
                (Ok(0), Some(why)) => {
                    let path = self.path.display();
                    say(&format!("waiting for `{path}`: {why}"));
                    self.unsaid = None;
                }
                (Ok(0) | Err(Errno::INTR), _) => {}
                (Ok(_), _) => return Ok(()),
                (Err(error), _) => return Err(error.into()),
            }
        }
    }
}

impl Read for Patient<'_> {
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
