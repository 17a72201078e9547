//! Reads the output back while it is written, for everything that is computed over its bytes. The zeros of holes are
//! not read.

use super::computing::Follower;
use super::error::Fault;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;

/// A finished span of the output. Spans come in order and without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) is_hole: bool,
}

/// The number of bytes that are read at once, small enough for a processor's cache.
const CHUNK: usize = 256 << 10;

/// Runs `write`, which passes on each span that it has finished. Each of `followers` gets the bytes of these spans
/// in a thread of its own.
pub(super) fn alongside(
    file: &fs_err::File,
    followers: Vec<&mut dyn Follower>,
    write: impl FnOnce(&mut dyn FnMut(Span)) -> Result<(), Fault>,
) -> Result<(), Fault> {
    std::thread::scope(|scope| {
        let started = followers.into_iter().map(|follower| {
            let (sender, receiver) = mpsc::channel();
            (
                sender,
                scope.spawn(move || follow(file, &receiver, follower)),
            )
        });
        let (senders, following): (Vec<_>, Vec<_>) = started.unzip();
        // A thread stops early only on an error, which is returned below.
        let written = write(&mut |span| {
            for sender in &senders {
                let _ = sender.send(span);
            }
        });
        drop(senders);
        let followed = following.into_iter().map(|thread| {
            let joined = thread.join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let followed: Vec<io::Result<()>> = followed.collect();
        written?;
        followed
            .into_iter()
            .collect::<io::Result<()>>()
            .map_err(Fault::Output)
    })
}

fn follow(
    file: &fs_err::File,
    spans: &mpsc::Receiver<Span>,
    follower: &mut dyn Follower,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let zeros = vec![0; CHUNK];
    for span in spans {
        let mut done = 0;
        while done < span.len {
            let n = usize::try_from(span.len - done).map_or(CHUNK, |left| left.min(CHUNK));
            if span.is_hole {
                follower.take(&zeros[..n]);
            } else {
                file.file()
                    .read_exact_at(&mut buffer[..n], span.start + done)?;
                follower.take(&buffer[..n]);
            }
            done += n as u64;
        }
    }
    Ok(())
}
