//! Hashes the output while it is written: it reads back each finished span, and hashes the zeros of
//! holes without reading them.

use super::error::Fault;
use crate::digest::{Hasher, Sha256};
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
/// The number of bytes that are hashed between two reports.
const REPORT: u64 = 4 << 20;

/// Runs `write`, which passes on each span that it has finished, and hashes these spans in a second
/// thread. `advance` is called with the number of bytes that were hashed, which are the ones that
/// are finished.
pub(super) fn alongside(
    file: &fs_err::File,
    advance: &(dyn Fn(u64) + Sync),
    write: impl FnOnce(&mut dyn FnMut(Span)) -> Result<(), Fault>,
) -> Result<Sha256, Fault> {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let hashing = scope.spawn(move || hash(file, &receiver, advance));
        // The hashing thread stops early only on an error, which is returned below.
        let written = write(&mut |span| {
            let _ = sender.send(span);
        });
        drop(sender);
        let hashed = hashing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?;
        hashed.map_err(Fault::Output)
    })
}

fn hash(
    file: &fs_err::File,
    spans: &mpsc::Receiver<Span>,
    advance: &dyn Fn(u64),
) -> io::Result<Sha256> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let zeros = vec![0; CHUNK];
    let mut unreported = 0;
    for span in spans {
        let mut done = 0;
        while done < span.len {
            let n = usize::try_from(span.len - done).map_or(CHUNK, |left| left.min(CHUNK));
            if span.is_hole {
                hasher.update(&zeros[..n]);
            } else {
                file.file()
                    .read_exact_at(&mut buffer[..n], span.start + done)?;
                hasher.update(&buffer[..n]);
            }
            done += n as u64;
            unreported += n as u64;
            if unreported >= REPORT {
                advance(unreported);
                unreported = 0;
            }
        }
    }
    if unreported > 0 {
        advance(unreported);
    }
    Ok(hasher.finish())
}
